import Testing

@testable import GatewayConfiguration

@Suite("The lines that problems are on")
struct SourceLinesTests {
    private static let text = #"""
        public_url = "https://e.example"   # [[listener]]
        allowed_origins = [
            "https://a.example",  # ]
            "https://b.example",
        ]
        text = """
        [admin]
        address = "\"""
        """""
        literal = '''a
        '''

        [[listener]]
        address = "a:1"
        [[listener.sni]]
        names = ["a"]
        [[listener.sni]]
        names = ["]", '[']
        [[ listener ]]
          "address" = "[::1]:1"
        [tokens.claims]
        user_id = { a = 1,
          b = "}" }
        name.first = 2
        [[listener.sni]]
        """#

    @Test(
        "A key, a table, and what has no line of its own",
        arguments: [
            ("public_url", 1), ("allowed_origins", 2), ("allowed_origins[1]", 2), ("text", 6), ("literal", 10),
            ("listener[0]", 13), ("listener[0].address", 14), ("listener[0].certificate", 13),
            ("listener[0].sni[0].names[0]", 16), ("listener[0].sni[1]", 17), ("listener[0].sni[1].names", 18),
            ("listener[1].address", 20), ("listener[1].key", 19), ("tokens.claims.user_id", 22),
            ("tokens.claims.user_id.b", 22), ("tokens.claims.name.first", 24), ("listener[1].sni[0].names", 25),
            ("tokens.claims", 21), ("admin.address", nil), ("upstream", nil), ("", nil),
        ] as [(String, Int?)]
    )
    func places(_ place: String, _ line: Int?) {
        #expect(SourceLines(Self.text).line(of: place) == line)
    }

    @Test(
        "No text crashes the scan",
        arguments: ["[", "[[", "a", "a = \"", "a = '''", "a = \"\\", "\"", "'", "a.", "=", "\u{feff}a"]
    )
    func cut(_ text: String) {
        #expect(SourceLines(text).line(of: "none") == nil)
    }

    @Test("Every beginning of a text is scanned to its end")
    func prefixes() {
        for count in 0...Self.text.utf8.count {
            let text = String(decoding: Self.text.utf8.prefix(count), as: UTF8.self)
            let line = SourceLines(text).line(of: "public_url")
            #expect(line == 1 || count < 10)
        }
    }
}
