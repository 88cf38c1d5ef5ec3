import Admission
import Testing

@testable import DataPlane
@testable import GatewayConfiguration

@Suite("Which route a path takes")
struct RouteTableTests {
    /// Which pattern a path matched, and the event that it names.
    private struct Found: Equatable {
        var pattern: String?
        var event: String?
    }

    private func match(_ path: String, _ patterns: [String]) throws -> Found {
        let table = RouteTable(
            try patterns.map { RouteSettings(path: try RoutePattern(parsing: $0), upstream: 0, access: .public) }
        )
        let octets = octets(path)
        var target = RequestTarget()
        try target.judge(octets.span, in: 0..<octets.count)
        guard let match = try table.match(octets.span, target) else { return Found() }
        return Found(pattern: patterns[match.route], event: match.event.map { text(octets[$0]) })
    }

    static let patterns = [
        "/**", "/event/{event}/**", "/event/{event}", "/event/{event}/slides", "/event/list", "/event/list/**",
        "/a/b/c",
        "/a/**", "/{event}/b/d", "/api/**", "/",
    ]

    @Test(
        "The most specific pattern wins, in whatever order they are written",
        arguments: [
            ("/", "/", nil), ("/x", "/**", nil), ("/x/y/z", "/**", nil), ("/event", "/**", nil),
            ("/event/", "/**", nil),
            ("/event/e1", "/event/{event}", "e1"), ("/event/e1/", "/event/{event}", "e1"),
            ("/event/e1?/slides", "/event/{event}", "e1"), ("/event/e1/slides", "/event/{event}/slides", "e1"),
            ("/event/e1/slides/", "/event/{event}/slides", "e1"), ("/event/e1/slides/1", "/event/{event}/**", "e1"),
            ("/event/e1/x/y", "/event/{event}/**", "e1"), ("/event/list", "/event/list", nil),
            ("/event/list/", "/event/list", nil), ("/event/list/slides", "/event/list/**", nil),
            ("/a/b/c", "/a/b/c", nil),
            ("/a/b/d", "/a/**", nil), ("/a", "/a/**", nil), ("/a/", "/a/**", nil), ("/b/b/d", "/{event}/b/d", "b"),
            ("/b/b/c", "/**", nil), ("/api", "/api/**", nil), ("/api/v1/x", "/api/**", nil), ("/apix", "/**", nil),
        ]
    )
    func mostSpecific(_ path: String, _ pattern: String, _ event: String?) throws {
        let expected = Found(pattern: pattern, event: event)
        #expect(try match(path, Self.patterns) == expected)
        #expect(try match(path, Self.patterns.reversed()) == expected)
        var random = SplitMix64(seed: 6)
        for _ in 0..<20 { #expect(try match(path, Self.patterns.shuffled(using: &random)) == expected) }
    }

    @Test(
        "A path that no pattern takes has no route",
        arguments: ["/", "/event", "/event/e1/x", "/events/e1", "/even/e1", "/event%20/e1", "/x"]
    )
    func noRoute(_ path: String) throws {
        #expect(try match(path, ["/event/{event}"]) == Found())
    }

    @Test(
        "Encoded letters of a literal are the letters",
        arguments: ["/%65vent/e1", "/e%76ent/e1", "/%65%76%65%6e%74/e1", "/%65%76%65%6E%74/e1/"]
    )
    func encoded(_ path: String) throws {
        #expect(try match(path, ["/event/{event}", "/**"]) == Found(pattern: "/event/{event}", event: "e1"))
    }

    @Test("An event is named by its raw octets, whatever its case")
    func rawEvent() throws {
        #expect(try match("/event/E%31", ["/event/{event}", "/**"]).event == "E%31")
    }

    @Test(
        "Ambiguous: a path that another server could take for another route or event is refused",
        arguments: [
            "/Event/e1", "/EVENT/e1", "/%45vent/e1", "/event;x/e1", "/event;/e1", "/event%3bx/e1", "/event/e1;x=1",
            "/event/e1;", "/event/e1%3Bx", "/event/e1;/", "/EVENT;x/e1;y", "/event/e1/Slides", "/event/e1/slides;x",
            "/event/LIST", "/event/list;x", "/A/b",
        ]
    )
    func ambiguous(_ path: String) {
        #expect(throws: HeadFault.malformed) { try match(path, Self.patterns) }
    }

    @Test(
        "Upper case and parameters pass where every reading takes the same route",
        arguments: [
            ("/Other", "/**", nil), ("/x;y=z", "/**", nil), ("/event/E1", "/event/{event}", "E1"),
            ("/event/e1/X;y", "/event/{event}/**", "e1"), ("/a/B/c;d", "/a/**", nil),
        ]
    )
    func unambiguous(_ path: String, _ pattern: String, _ event: String?) throws {
        let patterns = Self.patterns.filter { $0 != "/a/b/c" }
        #expect(try match(path, patterns) == Found(pattern: pattern, event: event))
    }

    @Test("Ambiguous: a lower-case path beside a pattern in upper case")
    func upperCasePattern() throws {
        #expect(try match("/Live/e1", ["/Live/{event}"]) == Found(pattern: "/Live/{event}", event: "e1"))
        #expect(throws: HeadFault.malformed) { try match("/live/e1", ["/Live/{event}"]) }
        #expect(throws: HeadFault.malformed) { try match("/live/e1", ["/Live/{event}", "/**"]) }
    }

    @Test("The route of an index is the one at that place of the configuration")
    func index() throws {
        let table = RouteTable(
            try ["/**", "/x", "/event/{event}"].map {
                RouteSettings(path: try RoutePattern(parsing: $0), upstream: 0, access: .token)
            }
        )
        let octets = octets("/event/e1")
        var target = RequestTarget()
        try target.judge(octets.span, in: 0..<octets.count)
        let match = try table.match(octets.span, target)
        #expect(match == RouteTable.Match(route: 2, event: 7..<9))
    }
}
