import Testing

@testable import DataPlane

@Suite("Which path asks for the answer to an ACME challenge")
struct ChallengeFileTests {
    private static let folder = "/.well-known/acme-challenge/"

    @Test("A name of base64url does", arguments: ["a", "Abc_-09", String(repeating: "x", count: 128)])
    func name(_ name: String) {
        #expect(ChallengeFile.name(in: Array((Self.folder + name).utf8).span) == name)
    }

    @Test(
        "Nothing that could lead elsewhere does",
        arguments: [
            folder, "\(folder)..", "\(folder).", "\(folder)a/b", "\(folder)a%2fb", "\(folder)a.b", "\(folder)a\0",
            "\(folder)ä", "\(folder)\(String(repeating: "x", count: 129))", "/.well-known/acme-challenge", "/x",
            "/.Well-known/acme-challenge/a", "",
        ]
    )
    func noName(_ path: String) { #expect(ChallengeFile.name(in: Array(path.utf8).span) == nil) }
}
