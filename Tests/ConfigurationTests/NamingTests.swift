import Testing

@testable import GatewayConfiguration

@Suite("Messages name companies and upstreams")
struct NamingTests {
    @Test(
        "A number in the file becomes the name, at the beginning of a word only",
        arguments: [
            ("company[0].key[0].secret_file: too large: /a", #"company["acme"].key[0].secret_file: too large: /a"#),
            ("company[1]: a key of company[0] has it", #"company["globex"]: a key of company["acme"] has it"#),
            ("upstream[0].ca_file: /company[0]/a  b", #"upstream["host"].ca_file: /company[0]/a  b"#),
            ("company[2].id: x", "company[2].id: x"), ("company[", "company["), ("company[-1]", "company[-1]"),
            ("company[99999999999999999999]", "company[99999999999999999999]"), ("listener[0].key", "listener[0].key"),
        ]
    )
    func naming(message: String, named: String) throws {
        var settings = try load(Sample().text)
        settings.companies.append(CompanySettings(id: "globex", name: "globex", keys: [], keyOrigins: []))
        #expect(settings.naming(message) == named)
    }
}
