import Basics
import Testing

struct JSONTests {
    @Test(
        "Valid texts are read",
        arguments: [
            ("null", .null), ("true", .bool(true)), (" false\t\r\n", .bool(false)), ("\"\"", .string("")),
            ("0", .number(0)), ("-0", .number(-0.0)), ("-0.0", .number(0)), ("1", .number(1)), ("10", .number(10)),
            ("123456789012345", .number(123_456_789_012_345)), ("9007199254740993", .exactNumber("9007199254740993")),
            ("1.5", .number(1.5)), ("1e3", .number(1000)), ("1E+3", .number(1000)), ("12e-1", .number(1.2)),
            ("-1.25e2", .number(-125)), ("0e99999", .number(0)), ("1e-400", .number(0)),
            ("1.7976931348623157e308", .exactNumber("1.7976931348623157e308")), ("0.1", .number(0.1)),
            ("-0.000123456789012345e+10", .number(-1_234_567.89012345)),
            ("0.3000000000000000", .exactNumber("0.3000000000000000")),
            ("[]", .array([])), ("[ ]", .array([])), ("[1 , [2]]", .array([.number(1), .array([.number(2)])])),
            ("{}", .object([])), (" { } ", .object([])),
            (#"{"a":1,"b":{}}"#, .object([JSONMember("a", .number(1)), JSONMember("b", .object([]))])),
            (#"{"":0}"#, .object([JSONMember("", .number(0))])),
            (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")), (#""\u0000""#, .string("\0")),
            (#""a\u00e9\u00E9b""#, .string("aééb")), (#""\ud83d\ude00""#, .string("😀")),
            ("\"\u{E9}😀\u{7F}\u{2028}\"", .string("é😀\u{7F}\u{2028}")),
            (#""\uFFFF\uD7FF\uE000""#, .string("\u{FFFF}\u{D7FF}\u{E000}")),
        ] as [(String, JSONValue)]
    )
    func read(_ text: String, _ value: JSONValue) throws {
        #expect(try JSONValue(bytes(text)) == value)
    }

    @Test(
        "A number comes back as written, or with the same value and fewer digits",
        arguments: [
            "0", "-1", "123456789012345", "1234567890123456", "9007199254740993", "-18446744073709551616", "0.1",
            "0.30000000000000004", "1732600000.123456789", "1.00000000000000000001e-300", "1e+21",
        ]
    )
    func comeBack(_ text: String) throws {
        let value = try JSONValue(bytes(text))
        #expect(value.serialized() == bytes(text))
        #expect(value.number == Double(text))
    }

    @Test(
        "Anything outside the grammar is refused",
        arguments: [
            "", " ", "nul", "nulll", "True", "NULL", "undefined", "NaN", "Infinity", "-Infinity", "-", "+1", "01",
            "-01",
            "00", "1.", ".5", "-.5", "1.e3", "1e", "1e+", "0x10", "1_000", "1,5", "１", "1 2", "1a", "'a'", "\"", "\"a",
            "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\u+123\"", "\"\\U0041\"", "\"\\\n\"", "\"\t\"",
            "\"\n\"", "\"\u{0}\"", "\"a\\n\u{1F}\"", "a", "[", "]", "[1", "[1,", "[1,]", "[,]", "[,1]", "[1 2]", "[1}",
            "[]]", "{", "}", "{]", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}",
            "{\"a\" 1}", "{\"a\"=1}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{\"a\":1 \"b\":2}", "{\"a\":1}}",
            "{}{}", "{} x", "{}\0", "\0{}", "\u{FEFF}{}", "\u{A0}{}", "\u{0B}{}", "\u{0C}{}", "// a\n{}", "/* a */{}",
            "{}//", "# a",
        ]
    )
    func syntax(_ text: String) {
        #expect(throws: JSONFault.syntax) { try JSONValue(bytes(text)) }
    }

    @Test(
        "Strings that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xBF], [0xC0, 0xAF], [0xC1, 0xA1], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0xAF], [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0xAF], [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ] as [[UInt8]]
    )
    func encoding(_ text: [UInt8]) {
        #expect(throws: JSONFault.encoding) { try JSONValue([0x22] + text + [0x22]) }
        #expect(throws: JSONFault.encoding) { try JSONValue([0x22, 0x5C, 0x6E] + text + [0x22]) }
        #expect(throws: JSONFault.encoding) { try JSONValue([0x7B, 0x22] + text + [0x22, 0x3A, 0x30, 0x7D]) }
    }

    @Test(
        "Half a surrogate pair is refused",
        arguments: [
            #""\ud800""#, #""\udc00""#, #""\udfff""#, #""\ud83d\ud83d""#, #""\ude00\ud83d""#, #""\ud83d\u0041""#,
            #""\ud83dx""#, #""\ud83d\n""#, #""\udbff""#,
        ]
    )
    func surrogates(_ text: String) {
        #expect(throws: JSONFault.encoding) { try JSONValue(bytes(text)) }
    }

    @Test(
        "A number larger than the largest Double is refused",
        arguments: ["1e400", "-1e400", "1e309", "2e308", "1e99999999999"]
    )
    func infinite(_ text: String) {
        #expect(throws: JSONFault.number) { try JSONValue(bytes(text)) }
        #expect(throws: JSONFault.number) { try JSONValue(bytes(String(repeating: "9", count: 400))) }
    }

    @Test(
        "A repeated member is refused, however it is spelt",
        arguments: [
            #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"a":3}"#, #"{"a":1,"\u0061":1}"#, #"{"":1,"":2}"#,
            #"{"x":{"a":1,"a":2}}"#, #"[{"a":1,"a":2}]"#, #"{"😀":1,"\ud83d\ude00":2}"#,
        ]
    )
    func duplicates(_ text: String) {
        #expect(throws: JSONFault.duplicate) { try JSONValue(bytes(text)) }
    }

    @Test("Names are compared as bytes: look-alikes are different members")
    func namesAreBytes() throws {
        guard case .object(let members) = try JSONValue(bytes("{\"\u{E9}\":1,\"e\u{301}\":2,\"\u{212A}\":3,\"K\":4}"))
        else {
            Issue.record("not an object")
            return
        }
        #expect(members["e\u{301}"] == .number(2))
        #expect(members["K"] == .number(4))
        #expect(members["\u{E9}"] == .number(1))
    }

    @Test("Depth, members and size have limits")
    func limits() throws {
        func nested(_ depth: Int) -> [UInt8] {
            [UInt8](repeating: 0x5B, count: depth) + [UInt8](repeating: 0x5D, count: depth)
        }
        _ = try JSONValue(nested(16))
        #expect(throws: JSONFault.depth) { try JSONValue(nested(17)) }
        #expect(throws: JSONFault.depth) { try JSONValue([UInt8](repeating: 0x5B, count: 8000)) }
        // Closed containers do not count.
        _ = try JSONValue(bytes("[" + String(repeating: "[[]],", count: 100) + "{}]"))
        func object(_ count: Int) -> [UInt8] {
            bytes("{" + (0..<count).map { "\"\($0)\":0" }.joined(separator: ",") + "}")
        }
        _ = try JSONValue(object(256))
        #expect(throws: JSONFault.members) { try JSONValue(object(257)) }
        #expect(throws: JSONFault.size) { try JSONValue(bytes(String(repeating: " ", count: 8191) + "10")) }
    }

    @Test("Written text can be read again, and is as short as possible")
    func writes() throws {
        let text = #"{"a":[null,true,false,-1.5,1700000000,9007199254740992,1e+300],"b":"\"\\\u0000\u001f/é😀"}"#
        let value = try JSONValue(bytes(text))
        #expect(String(decoding: value.serialized(), as: UTF8.self) == text)
        #expect(
            JSONValue.array([.number(.nan), .number(.infinity), .number(-0.0)]).serialized() == bytes("[null,null,0]")
        )
    }

    @Test("A text longer than its limit is not written, whatever makes it long")
    func writesUpTo() throws {
        let value = try JSONValue(bytes(#"{"a":["b\n",1.5,{"c":null}]}"#))
        let length = value.serialized().count
        #expect(value.serialized(upTo: length) == value.serialized())
        for limit in 0..<length { #expect(value.serialized(upTo: limit) == nil) }
        #expect(JSONValue.string(String(repeating: "\n", count: 100)).serialized(upTo: 100) == nil)
    }

    @Test("A text cut anywhere is refused, and nothing is read past its end")
    func prefixes() throws {
        let text = bytes(#"{"a":[1.5e3,true,"\ud83d\ude00é"],"b":{"c":null}}"#)
        _ = try JSONValue(text)
        for length in 0..<text.count {
            #expect(throws: JSONFault.self) { try JSONValue(Array(text.prefix(length))) }
        }
    }

    @Test(
        "A text that is refused says where",
        arguments: [
            ("", 0), ("{", 1), ("{\"a\" 1}", 5), ("[1,]", 3), ("nul", 3), ("[1] 2", 4), ("\"a\nb\"", 2), ("[01]", 2),
            ("{\"a\":1,\"a\":2}", 10),
        ]
    )
    func place(text: String, place: Int) {
        let text = bytes(text)
        var found = -1
        #expect(throws: JSONFault.self) {
            try JSONValue(parsing: text.span, limits: JSONLimits(size: 100), stoppedAt: &found)
        }
        #expect(found == place)
    }
}
