import Admission
import TestSupport
import Testing

@testable import DataPlane
@testable import GatewayConfiguration

@Suite("Which route a path takes")
struct RouteTableTests {
    /// The pattern that a path matched, and the event that it names.
    private struct Found: Equatable {
        var pattern: String?
        var event: String?
    }

    private func match(_ path: String, _ patterns: [String]) throws -> Found {
        let table = RouteTable(
            try patterns.map { RouteSettings(path: try RoutePattern(parsing: $0), upstream: 0, access: .public) }
        )
        let bytes = bytes(path)
        var target = RequestTarget()
        try target.judge(bytes.span, in: 0..<bytes.count)
        guard let match = try table.match(bytes.span, target) else { return Found() }
        return Found(pattern: patterns[match.route], event: match.event.map { text(bytes[$0]) })
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
        "A path that no pattern matches has no route",
        arguments: ["/", "/event", "/event/e1/x", "/events/e1", "/even/e1", "/event%20x/e1", "/x"]
    )
    func noRoute(_ path: String) throws {
        #expect(try match(path, ["/event/{event}"]) == Found())
    }

    @Test(
        "Encoded letters equal a literal's letters",
        arguments: ["/%65vent/e1", "/e%76ent/e1", "/%65%76%65%6e%74/e1", "/%65%76%65%6E%74/e1/"]
    )
    func encoded(_ path: String) throws {
        #expect(try match(path, ["/event/{event}", "/**"]) == Found(pattern: "/event/{event}", event: "e1"))
    }

    @Test("An event is named by its raw bytes, whatever its case")
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
        "Upper case and parameters pass if every reading takes the same route",
        arguments: [
            ("/Other", "/**", nil), ("/x;y=z", "/**", nil), ("/event/E1", "/event/{event}", "E1"),
            ("/event/e1/X;y", "/event/{event}/**", "e1"), ("/a/B/c;d", "/a/**", nil),
        ]
    )
    func unambiguous(_ path: String, _ pattern: String, _ event: String?) throws {
        let patterns = Self.patterns.filter { $0 != "/a/b/c" }
        #expect(try match(path, patterns) == Found(pattern: pattern, event: event))
    }

    static let lookAlikes = [
        "/networ%E2%84%AAing/X", "/NETWOR%e2%84%aaING/X", "/networkin%C4%A3/X", "/networkıng/X", "/event%20/X",
        "/%20event/X",
        "/event./X", "/event%2e/X", "/event.../X", "/event.%20./X", "/event%C2%A0/X", "/%E3%80%80event/X",
        "/event%E2%80%8B/X", "/ev%E2%80%8Dent/X", "/ev%C2%ADent/X", "/%EF%BB%BFevent/X", "/%C3%A9vent/X",
        "/e%CC%81vent/X", "/%C3%89VENT/X", "/%EF%BD%85vent/X", "/%F0%9D%90%9Event/X", "/%E1%B5%89vent/X",
        "/%E2%93%94vent/X", "/event%3Fx/X", "/event%23x/X", "/event.;x/X", "/%20/event/X", "/.../event/X",
        "/event/.../X", "/%E2%80%8B/event/X", "/event/X.", "/event/X%20", "/event/%20X", "/event/X%C2%A0",
        "/event/X%3Fy", "/event/X%E2%80%8B", "/event/X./slides", "/event/X%20/slides",
    ]

    @Test(
        "Look-alikes: a path that a lenient upstream reads as an event's is not left to the rest",
        arguments: lookAlikes
    )
    func lookAlike(_ path: String) {
        let patterns = ["/**", "/event/{event}/**", "/event/{event}", "/networking/{event}/**"]
        #expect(throws: HeadFault.malformed) { try match(path, patterns) }
    }

    @Test(
        "A path that resembles no route in any reading passes",
        arguments: [
            "/caf%C3%A9/x", "/café/x", "/%C3%A9v%C3%A9nements/x", "/%E3%82%A4%E3%83%99%E3%83%B3%E3%83%88/X",
            "/%E6%97%A5%E6%9C%AC%E8%AA%9E%E8%AC%9B/X", "/%D0%B5vent/X", "/event%20s/X", "/my%20files/a%20b.pdf",
            "/a./b.",
            "/event.json/X", "/.event/X", "/.well-known/x", "/%F0%9F%8E%89/X", "/%C3%A9/%C3%A9/%C3%A9", "/events./X",
            "/x%3Fevent/X", "/%C3%A9vent", "/...", "/x/...", "/event%E2%82%AC/X", "/%CC%81/X",
        ]
    )
    func noLookAlike(_ path: String) throws {
        let patterns = ["/**", "/event/{event}/**", "/event/{event}", "/networking/{event}/**"]
        #expect(try match(path, patterns) == Found(pattern: "/**", event: nil))
    }

    @Test(
        "In an event, odd but unambiguous paths pass",
        arguments: [
            "/event/e1/...", "/event/e1/a..", "/event/e1/caf%C3%A9", "/event/e1/a%20b", "/event/e1/%20",
            "/event/e1/a%3Fb",
        ]
    )
    func clear(_ path: String) throws {
        #expect(try match(path, ["/**", "/event/{event}/**", "/event/{event}"]).pattern == "/event/{event}/**")
    }

    @Test("Event ids keep their characters: letters of any script, dots and spaces within")
    func eventIDs() throws {
        for id in ["%C3%A9t%C3%A9", "caf%C3%A9-1", "a.b", ".a", "a%20b", "%E6%9D%B1", "A"] {
            let expected = Found(pattern: "/event/{event}", event: id)
            #expect(try match("/event/\(id)", ["/event/{event}", "/**"]) == expected)
        }
    }

    @Test("Ambiguous: a lower-case path beside a pattern in upper case")
    func upperCasePattern() throws {
        #expect(try match("/Live/e1", ["/Live/{event}"]) == Found(pattern: "/Live/{event}", event: "e1"))
        #expect(throws: HeadFault.malformed) { try match("/live/e1", ["/Live/{event}"]) }
        #expect(throws: HeadFault.malformed) { try match("/live/e1", ["/Live/{event}", "/**"]) }
    }

    @Test("The route with an index is the one at that place in the configuration")
    func index() throws {
        let table = RouteTable(
            try ["/**", "/x", "/event/{event}"].map {
                RouteSettings(path: try RoutePattern(parsing: $0), upstream: 0, access: .token)
            }
        )
        let bytes = bytes("/event/e1")
        var target = RequestTarget()
        try target.judge(bytes.span, in: 0..<bytes.count)
        let match = try table.match(bytes.span, target)
        #expect(match == RouteTable.Match(route: 2, event: 7..<9))
    }
}
