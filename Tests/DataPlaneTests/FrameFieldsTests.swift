import Testing

@testable import DataPlane

@Suite("Fields that would keep an event out of its frame")
struct FrameFieldsTests {
    private func written(_ value: String, _ write: (Span<UInt8>, Range<Int>, inout ByteWriter) -> Void) -> String {
        let bytes = bytes(value)
        var buffer = ByteBuffer(capacity: 64)
        _ = buffer.write(atMost: 1024) { head in write(bytes.span, bytes.indices, &head) }
        return text(buffer.contents)
    }

    @Test(
        "frame-ancestors is removed, in any case and place, and the other directives stay",
        arguments: [
            ("frame-ancestors 'none'", ""), ("Frame-Ancestors 'self' https://a.example", ""),
            (
                "default-src 'self';base-uri 'self';frame-ancestors 'self';object-src 'none'",
                "default-src 'self'; base-uri 'self'; object-src 'none'"
            ),
            ("frame-ancestors 'none', default-src 'self'", "default-src 'self'"),
            ("default-src a, frame-ancestors b; img-src c", "default-src a, img-src c"),
            ("default-src 'self' ; ;", "default-src 'self'"), ("frame-ancestors", ""), (";,;", ""),
            ("frame-ancestorsx 'none'", "frame-ancestorsx 'none'"), ("frame-src 'none'", "frame-src 'none'"),
            ("script-src frame-ancestors", "script-src frame-ancestors"), ("FRAME-ANCESTORS\t'none';a b", "a b"),
        ]
    )
    func policy(_ value: String, _ left: String) {
        let expected = left.isEmpty ? "" : "Content-Security-Policy: \(left)\r\n"
        #expect(written(value) { FrameFields.writePolicy($0, $1, to: &$2) } == expected)
    }

    @Test(
        "A cookie works in a frame on another site, and keeps its other attributes",
        arguments: [
            ("sid=1", "sid=1"), ("sid=1; Path=/; HttpOnly", "sid=1; Path=/; HttpOnly"),
            ("sid=1; SameSite=Lax; Path=/", "sid=1; Path=/"), ("sid=a=b;samesite=strict;SECURE;partitioned", "sid=a=b"),
            ("sid=; Max-Age=0; Secure; SameSite", "sid=; Max-Age=0"),
            ("sid=secure; Domain=a.example;", "sid=secure; Domain=a.example"),
            ("samesite=x", "samesite=x"),
        ]
    )
    func cookie(_ value: String, _ left: String) {
        let expected = "Set-Cookie: \(left); SameSite=None; Secure; Partitioned\r\n"
        #expect(written(value) { FrameFields.writeCookie($0, $1, to: &$2) } == expected)
    }

    @Test(
        "Fields that only trusted proxies may send, in every spelling",
        arguments: [
            ("X-Forwarded-Port", true), ("x_forwarded_user", true), ("X.Original.URL", true), ("X-Rewrite-Url", true),
            ("X-HTTP-Method-Override", true), ("True-Client-IP", true), ("CF-Client-IP", true), ("client-ip", true),
            ("Remote-User", true), ("Remote_User", true), ("Proxy", true), ("X-Method-Override", true),
            ("X-Client-IP", true), ("Fastly_Client_Ip", true), ("X-Forward", false), ("X-Requested-With", false),
            ("Proxy-Status", false), ("Remote", false), ("Client-Hint", false), ("ip", false), ("X-Originality", false),
        ]
    )
    func proxyFields(_ name: String, _ isOne: Bool) {
        let bytes = bytes(name)
        #expect(ProxyFields.contain(bytes.span, bytes.indices) == isOne)
    }
}
