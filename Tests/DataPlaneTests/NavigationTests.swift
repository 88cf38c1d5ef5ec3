import Testing

@testable import DataPlane

@Suite("Who sent an invalid head")
struct NavigationTests {
    @Test(
        "A client that asks for a page gets one, as far as the head can be read",
        arguments: [
            ("GET / HTTP/1.1\r\nAccept: text/html\r\nX : y\r\n\r\n", true),
            ("GET / HTTP/1.1\r\naccept:text/html;q=0.9,*/*\r\nCookie: x", true),
            ("HEAD / HTTP/1.1\r\nAccept: text/html\r\n", true),
            ("POST / HTTP/1.1\r\nAccept: text/html\r\n", false),
            ("POST / HTTP/1.1\r\nSec-Fetch-Mode: navigate\r\n", true),
            ("GET / HTTP/1.1\r\nAccept: text/html\r\nSec-Fetch-Mode: cors\r\n", false),
            ("GET / HTTP/1.1\r\nSEC-FETCH-MODE: Navigate\r\nAccept: */*\r\n", true),
            ("GET / HTTP/1.1\r\nAccept: */*\r\nAccept: text/html\r\n", false),
            ("GET / HTTP/1.1\r\nX-Accept: text/html\r\n", false), ("GET / HTTP/1.1\r\nAccept", false),
            ("PUT / HTTP/1.1\r\nAccept: text/html\r\n", false), ("GET", false), ("", false), ("\r\n", false),
            ("\u{16}\u{03}\u{01}", false), ("GET /\nAccept: text/html\n\n", true),
            // The address was too long, and nothing else was read.
            ("GET /event/launch?aaaa", true), ("POST /event/launch?aaaa", false), ("GET  HTTP/2\r\n", false),
        ]
    )
    func heads(_ head: String, _ isOne: Bool) {
        #expect(Navigation.mayBeOne(bytes(head).span) == isOne)
    }

    @Test(
        "The page for a broken head is in the viewer's language, as far as the head can be read",
        arguments: [
            ("GET / HTTP/1.1\r\nAccept-Language: de-CH, fr;q=0.5\r\nX : y\r\n\r\n", 1),
            ("GET / HTTP/1.1\r\naccept-language:fr;q=0.5\r\nACCEPT-LANGUAGE: de", 1),
            ("GET / HTTP/1.1\r\nAccept-Language: nl\r\n", 0), ("Accept-Languages: de", 0), ("", 0),
        ]
    )
    func languages(_ head: String, _ place: Int) {
        #expect(Navigation.language(bytes(head).span, among: ["en", "de", "fr"].map { Array($0.utf8) }) == place)
    }
}
