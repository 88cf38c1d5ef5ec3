import TestSupport
import Testing

@testable import DataPlane

@Suite("The gateway's members of a query")
struct QueryMembersTests {
    private static let names = ["token", "authKey", "jwt"].map(bytes)

    private func scan(_ query: String) -> (members: QueryMembers, bytes: [UInt8]) {
        let bytes = bytes("/a?\(query)#&token=z")
        var members = QueryMembers()
        let earlier = DataPlaneTests.bytes("token=a&token=b&gateway-ticket=1")
        members.scan(earlier.span, in: 0..<earlier.count, tokenNames: Self.names)
        members.scan(bytes.span, in: 3..<3 + DataPlaneTests.bytes(query).count, tokenNames: Self.names)
        return (members, bytes)
    }

    @Test(
        "A member of a token's name carries the token and is removed",
        arguments: [
            ("token=abc", "abc", ["token=abc"]), ("a=b&token=abc&c=d", "abc", ["token=abc"]),
            ("authKey=x", "x", ["authKey=x"]),
            ("jwt=x&a", "x", ["jwt=x"]), ("token=a=b", "a=b", ["token=a=b"]), ("t%6fken=abc", "abc", ["t%6fken=abc"]),
            ("%74%6F%6B%65%6E=abc", "abc", ["%74%6F%6B%65%6E=abc"]), ("token=%61", "%61", ["token=%61"]),
            ("token=&token=x", "x", ["token=", "token=x"]), ("token&jwt=x", "x", ["token", "jwt=x"]),
            ("utm?token=abc", "abc", ["token=abc"]), ("a=b?c?jwt=x?d&e", "x?d", ["jwt=x?d"]),
            ("a??token=x", "x", ["token=x"]), ("a?b=token=x?authKey=y", "y", ["authKey=y"]),
            ("token=x&jwt=x&authKey=x", "x", ["token=x", "jwt=x", "authKey=x"]),
        ]
    )
    func tokens(_ query: String, _ token: String, _ removed: [String]) {
        let (members, bytes) = scan(query)
        #expect(members.tokens.first.map { text(bytes[$0]) } == token)
        #expect(members.removed.map { text(bytes[$0]) } == removed)
        #expect(members.ticket == nil)
    }

    @Test(
        "An empty token counts as none, and is removed anyway",
        arguments: [
            ("token", ["token"]), ("token=", ["token="]), ("a&jwt=&b", ["jwt="]),
            ("token&token=", ["token", "token="]),
        ]
    )
    func empty(_ query: String, _ removed: [String]) {
        let (members, bytes) = scan(query)
        #expect(members.tokens.isEmpty)
        #expect(members.removed.map { text(bytes[$0]) } == removed)
    }

    @Test(
        "A join code is ours only if there are any; the first counts, and all are removed",
        arguments: [
            ("joinCode=A&x=1&join%43ode=B", "A", ["joinCode=A", "join%43ode=B"]), ("joinCode", "", ["joinCode"]),
        ]
    )
    func joinCodes(_ query: String, _ code: String, _ removed: [String]) {
        let bytes = bytes(query)
        var members = QueryMembers()
        members.scan(bytes.span, in: bytes.indices, tokenNames: Self.names, takesJoinCodes: true)
        #expect(members.joinCode.map { text(bytes[$0]) } == code)
        #expect(members.removed.map { text(bytes[$0]) } == removed)
        members.scan(bytes.span, in: bytes.indices, tokenNames: Self.names)
        #expect(members.joinCode == nil && members.removed.isEmpty)
    }

    @Test(
        "A member that only resembles a token's name stays",
        arguments: [
            "", "a=b", "Token=x", "TOKEN=x", "tokens=x", "xtoken=x", "toke=x", "authkey=x", "token%=x", "token%20=x",
            "token+=x",
            " token=x", "a=token=x", "=token", "=", "&", "&&", "token;x", "token%00=x", "%2574oken=x", "a;token=x",
            "gateway-ticke=1",
            "tok%65=x", "token[]=x",
        ]
    )
    func others(_ query: String) {
        let (members, _) = scan(query)
        #expect(members.tokens.isEmpty)
        #expect(members.removed.isEmpty)
        #expect(members.ticket == nil)
    }

    @Test(
        "All values that may be tokens are found, in order",
        arguments: [
            ("token=a&jwt=b", ["a", "b"]), ("jwt=b&x=y&authKey=c", ["b", "c"]),
            ("token=a&token=&token=ab", ["a", "ab"]),
            ("token=a&t%6fken=a", ["a", "a"]),
        ]
    )
    func several(_ query: String, _ tokens: [String]) {
        let (members, bytes) = scan(query)
        #expect(members.tokens.map { text(bytes[$0]) } == tokens)
    }

    @Test(
        "The ticket of the hop before is found and removed",
        arguments: [
            "gateway-ticket=1", "gateway-ticket", "a=b&gateway-ticket=1&c", "gateway%2dticket=x",
            "token=x&gateway-ticket=1",
        ]
    )
    func ticket(_ query: String) {
        let (members, bytes) = scan(query)
        #expect(members.ticket != nil)
        #expect(members.removed.map { text(bytes[$0]) }.contains { $0.hasSuffix("ticket") || $0.contains("ticket=") })
    }

    @Test("Without a query nothing is found, and nothing remains of the query before")
    func noQuery() {
        let bytes = bytes("token=a&token=b&gateway-ticket")
        var members = QueryMembers()
        members.scan(bytes.span, in: 0..<bytes.count, tokenNames: Self.names)
        members.scan(bytes.span, in: nil, tokenNames: Self.names)
        #expect(members.tokens.isEmpty)
        #expect(members.removed.isEmpty)
        #expect(members.ticket == nil)
    }

    @Test(
        "The rest of the target is unchanged, byte for byte",
        arguments: [
            ("/a", "/a"), ("/a?b=c", "/a?b=c"), ("/a?token=x", "/a"), ("/a?token=x&b=c", "/a?b=c"),
            ("/a?b=c&token=x", "/a?b=c"), ("/a?b=c&token=x&d=e", "/a?b=c&d=e"), ("/a?token=x&jwt=x&b", "/a?b"),
            ("/a?b&token=x&jwt=x&c", "/a?b&c"), ("/a?b&token=x&c&jwt=x&d", "/a?b&c&d"), ("/a?b&token=x&jwt=x", "/a?b"),
            ("/a?gateway-ticket=1", "/a"), ("/a?token=x&gateway-ticket=1&b=%zz", "/a?b=%zz"),
            ("/a?b=%2F..&c=%C0%AF&token=x&d=\"<>\\^`{|}", "/a?b=%2F..&c=%C0%AF&d=\"<>\\^`{|}"),
            ("/a?b=?&token=x&c=/../", "/a?b=?&c=/../"), ("/a?b&&token=x&&c", "/a?b&&&c"), ("/a?token=x&&b", "/a?&b"),
            ("/a?b=1&b=2&token&b=3", "/a?b=1&b=2&b=3"), ("/%41/?token=x", "/%41/"), ("/a?&b=c", "/a?&b=c"),
            ("/a?t%6fken=x&b", "/a?b"), ("/a?b?token=x", "/a?b"), ("/a?b=c?d?jwt=x&e", "/a?b=c?d&e"),
            ("/a??token=x&b", "/a?b"), ("/a?B=C&token=x&token=y", "/a?B=C"),
        ]
    )
    func left(_ target: String, _ left: String) throws {
        let fixture = try WorkerFixture()
        #expect(try fixture.withRequest(request(line: "GET \(target) HTTP/1.1")) { $0.location } == left)
    }

    @Test("Any query without its tokens is the members that were not tokens, in order")
    func property() throws {
        let fixture = try WorkerFixture()
        let pieces = [
            "token=x", "jwt=x", "authKey", "gateway-ticket=1", "a", "b=c", "=", "%zz", "token%=1", "t%6Fken=y",
            "x=token=y",
        ]
        let gone: Set = ["token=x", "jwt=x", "authKey", "gateway-ticket=1", "t%6Fken=y"]
        var random = SplitMix64(seed: 14)
        for _ in 0..<2000 {
            let members = (0..<Int.random(in: 1...7, using: &random)).map { _ in pieces.randomElement(using: &random)! }
            let line = "GET /p?\(members.joined(separator: "&")) HTTP/1.1"
            let location = try fixture.withRequest(request(line: line)) { $0.location }
            let left = members.filter { !gone.contains($0) }
            #expect(location == (left.isEmpty ? "/p" : "/p?" + left.joined(separator: "&")))
        }
    }
}
