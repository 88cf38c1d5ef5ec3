import TestSupport
import Testing

@testable import DataPlane

@Suite("Judging a target's path")
struct RequestTargetTests {
    private func judge(_ bytes: [UInt8]) throws(HeadFault) -> RequestTarget {
        let bytes = DataPlaneTests.bytes("GET ") + bytes + DataPlaneTests.bytes(" /../")
        var target = RequestTarget()
        let earlier = DataPlaneTests.bytes("/Old;x/e?q")
        try target.judge(earlier.span, in: 0..<earlier.count)
        try target.judge(bytes.span, in: 4..<bytes.count - 5)
        return target
    }

    @Test(
        "Valid paths, their segments, and whether others may read them differently",
        arguments: [
            ("/", [], false), ("/event/e1", ["event", "e1"], false), ("/event/e1/", ["event", "e1"], false),
            ("/a/b/c/d", ["a", "b", "c", "d"], false), ("/...", ["..."], true),
            ("/..a/.b/c../d.", ["..a", ".b", "c..", "d."], true),
            ("/%2e%2e%2e", ["%2e%2e%2e"], true), ("/a%2eb", ["a%2eb"], false), ("/%65vent", ["%65vent"], false),
            ("/Event", ["Event"], true), ("/%45vent", ["%45vent"], true), ("/a;x=1", ["a;x=1"], true),
            ("/a%3bx", ["a%3bx"], true),
            ("/a;", ["a;"], true), ("/a;../b", ["a;..", "b"], true), ("/a%20b", ["a%20b"], true),
            ("/%25", ["%25"], false),
            ("/100%25", ["100%25"], false), ("/%25zz", ["%25zz"], false), ("/%3f%23", ["%3f%23"], true),
            ("/caf%C3%A9", ["caf%C3%A9"], true), ("/%e2%82%ac", ["%e2%82%ac"], true),
            ("/%f0%9f%8e%89", ["%f0%9f%8e%89"], true), ("/%f4%8f%bf%bf", ["%f4%8f%bf%bf"], true),
            ("/-._~!$&'()*+,=:@", ["-._~!$&'()*+,=:@"], false),
        ]
    )
    func good(_ path: String, _ segments: [String], _ hasReadings: Bool) throws {
        let target = try judge(bytes(path))
        let bytes = bytes("GET " + path)
        #expect(target.segments.map { text(bytes[$0]) } == segments)
        #expect(text(bytes[target.path]) == path)
        #expect(target.query == nil)
        #expect(target.hasReadings == hasReadings)
    }

    @Test(
        "Traversal: dot segments in every spelling",
        arguments: [
            "/.", "/..", "/./a", "/../a", "/a/.", "/a/..", "/a/./b", "/a/../b", "/%2e", "/%2E", "/%2e%2e", "/%2E%2e/a",
            "/.%2e/a",
            "/%2e./a", "/a/%2e%2E", "/..;", "/..;/a", "/..;x=1/a", "/.;/a", "/%2e%2e;/a", "/..%3b/a", "/%2e%3B/a",
            "/../", "/./",
            "/a/..?x", "/%2e?",
        ]
    )
    func dotSegments(_ path: String) {
        #expect(throws: HeadFault.malformed) { try judge(bytes(path)) }
    }

    @Test(
        "Traversal: slashes and backslashes in disguise",
        arguments: [
            "/a%2fb", "/a%2Fb", "/%2f", "/a/..%2fb", "/a\\b", "/\\", "/..\\a", "/a%5cb", "/a%5Cb", "/%2e%2e%5c",
            "/%5c..",
        ]
    )
    func slashes(_ path: String) {
        #expect(throws: HeadFault.malformed) { try judge(bytes(path)) }
    }

    @Test(
        "Doubled slashes are merged, and forwarded merged",
        arguments: [
            ("//", "/"), ("///", "/"), ("//a", "/a"), ("/a//b", "/a/b"), ("/a//", "/a/"), ("/a///b/", "/a/b/"),
            ("//a//b//c", "/a/b/c"), ("/a/b", "/a/b"), ("/", "/"),
        ]
    )
    func merged(_ path: String, _ left: String) throws {
        try withView(request(line: "GET \(path)?q=// HTTP/1.1")) { request in
            let (isMerged, location) = (request.isMerged, request.location)
            #expect(isMerged == (path != left))
            #expect(location == left + "?q=//")
        }
    }

    @Test(
        "Traversal: double encoding, which an upstream that decodes twice would undo",
        arguments: [
            "/%252e%252e/a", "/%252E", "/.%252e/a", "/a%252fb", "/a%255cb", "/%25252e", "/a%2500", "/%2541",
            "/%25%32%65/a", "/%25%32%65%25%32%65/a", "/%252%65/a", "/%25%32e/a", "/%25%32%46a", "/a%25%32f..",
        ]
    )
    func doubleEncoding(_ path: String) {
        #expect(throws: HeadFault.malformed) { try judge(bytes(path)) }
    }

    @Test(
        "Empty names with parameters, broken encodings, controls",
        arguments: [
            "/;", "/;x", "/a/;x/b", "/%3b", "/%", "/a%", "/a%2", "/%2", "/%g0", "/%0g", "/%%32", "/% 20", "/%-1",
            "/%u002e", "/a%2?b",
            "/%00", "/%0a", "/%0D", "/%1f", "/%7f", "/%09", "/a/%", "/%2/e",
        ]
    )
    func malformed(_ path: String) {
        #expect(throws: HeadFault.malformed) { try judge(bytes(path)) }
    }

    @Test(
        "Bytes that no UTF-8 text contains: overlong forms, surrogates, cut sequences, above U+10FFFF",
        arguments: [
            "/%80", "/%bf", "/%c0%af", "/%c0%ae%c0%ae", "/%c1%9c", "/%c2", "/%c2/", "/%c2a", "/%c3%28", "/%e0%80%af",
            "/%e0%80%ae",
            "/%e0%9f%bf", "/%ed%a0%80", "/%ed%bf%bf", "/%e2%82", "/%e2%82/%ac", "/%e2%28%a1", "/%f0%80%80%af",
            "/%f0%8f%bf%bf",
            "/%f0%9f%8e", "/%f4%90%80%80", "/%f5%80%80%80", "/%f8%88%80%80%80", "/%fe", "/%ff", "/a;%ff", "/%e9",
        ]
    )
    func notText(_ path: String) {
        #expect(throws: HeadFault.malformed) { try judge(bytes(path)) }
    }

    @Test("Raw bytes above ASCII are judged like encoded ones")
    func raw() {
        #expect(throws: HeadFault.malformed) { try judge([0x2f, 0xc0, 0xaf]) }
        #expect(throws: HeadFault.malformed) { try judge([0x2f, 0xe9]) }
    }

    @Test("A target that is not a path is refused", arguments: ["", "?", "?a", "a", "a/b", "*", "%2fa"])
    func noPath(_ target: String) {
        #expect(throws: HeadFault.malformed) { try judge(bytes(target)) }
    }

    @Test(
        "The query begins at the first question mark and is not judged",
        arguments: [
            ("/a?", "/a", ""), ("/a?b=c", "/a", "b=c"), ("/?a?b", "/", "a?b"),
            ("/a?/../b\\%2f%zz", "/a", "/../b\\%2f%zz"),
            ("/a/?x", "/a/", "x"), ("/a%3fb?c", "/a%3fb", "c"),
        ]
    )
    func query(_ sent: String, _ path: String, _ query: String) throws {
        let target = try judge(bytes(sent))
        let bytes = bytes("GET " + sent)
        #expect(text(bytes[target.path]) == path)
        #expect(target.query.map { text(bytes[$0]) } == query)
    }

    @Test("However a path is encoded, what passes decodes to no dot segment, slash, backslash, control or bad UTF-8")
    func property() {
        var random = SplitMix64(seed: 8)
        let pieces = [
            "/", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "a", "A", "%61", ";", "%3b", "%25", "2e", "2f", "%32",
            "%65", "%c0",
            "%af", "%c3", "%a9", "%00", "%", "x",
        ]
        let dot = [UInt8(ascii: ".")]
        var passed = 0
        var wrong: [String] = []
        for _ in 0..<30_000 {
            let path =
                "/"
                + (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            guard let target = try? judge(bytes(path)) else { continue }
            passed += 1
            let bytes = bytes("GET " + path)
            for segment in target.segments {
                let once = bytes.span.percentDecoded(segment)
                let twice = once.span.percentDecoded(0..<once.count)
                for (name, decoded) in [("once", once), ("twice", twice)] {
                    let bare = decoded.prefix { $0 != UInt8(ascii: ";") }
                    let isBad =
                        [[], dot, dot + dot].contains(Array(bare)) || decoded.contains(UInt8(ascii: "/"))
                        || decoded.contains(UInt8(ascii: "\\")) || decoded.contains { $0 < 0x20 || $0 == 0x7f }
                        || String(validating: decoded, as: UTF8.self) == nil
                    if isBad { wrong.append("\(path) decoded \(name)") }
                }
            }
        }
        #expect(passed > 1000)
        #expect(wrong == [])
    }
}
