import Admission
import Testing

@testable import DataPlane

@Suite("Devices and browsers are told apart coarsely")
struct UserAgentTests {
    private static let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
    private static let webKit = "AppleWebKit/605.1.15 (KHTML, like Gecko)"

    static let agents: [(String, ArrivalSource.Device, ArrivalSource.Browser)] = [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) \(chrome) Safari/537.36", .desktop, .chrome),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) \(chrome) Safari/537.36 Edg/140.0.0.0", .desktop, .edge),
        ("Mozilla/5.0 (Windows NT 6.1; Tablet PC 2.0; rv:11.0) like Gecko", .desktop, .other),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", .desktop, .firefox),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) \(chrome) Safari/537.36", .desktop, .chrome),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) \(webKit) Version/18.5 Safari/605.1.15", .desktop, .safari),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) \(chrome) Safari/537.36 OPR/120.0.0.0", .desktop, .opera),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) \(webKit) Version/18.5 Mobile/15E148 Safari/604.1",
            .mobile, .safari
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) \(webKit) CriOS/140.0 Mobile/15E148 Safari/604.1",
            .mobile, .chrome
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) \(webKit) FxiOS/140.0 Mobile/15E148 Safari/605.1.15",
            .tablet, .firefox
        ),
        ("Mozilla/5.0 (Linux; Android 10; K) \(chrome) Mobile Safari/537.36", .mobile, .chrome),
        ("Mozilla/5.0 (Linux; Android 10; K) \(chrome) Safari/537.36", .tablet, .chrome),
        ("Mozilla/5.0 (Linux; Android 15) SamsungBrowser/28.0 \(chrome) Mobile Safari/537.36", .mobile, .samsung),
        ("Mozilla/5.0 (Android 15; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0", .tablet, .firefox),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) \(chrome) Safari/537.36", .other, .chrome),
        ("curl/8.5.0", .other, .other), ("", .other, .other), ("Edg", .other, .other),
    ]

    @Test("Kinds of devices and families of browsers", arguments: agents)
    func kinds(_ agent: String, _ device: ArrivalSource.Device, _ browser: ArrivalSource.Browser) {
        #expect(UserAgent.device(bytes(agent).span) == device)
        #expect(UserAgent.browser(bytes(agent).span) == browser)
    }

    @Test("Attack: what is behind the first 512 bytes is not looked at")
    func long() {
        let agent = bytes(String(repeating: "E", count: 512) + " Firefox/1 iPhone")
        #expect(UserAgent.device(agent.span) == .other && UserAgent.browser(agent.span) == .other)
    }

    @Test(
        "Of the page that a viewer comes from, only a listed host is taken, as it is listed",
        arguments: [
            ("https://www.acme.example/live?secret=1", "www.acme.example"),
            ("https://www.acme.example", "www.acme.example"),
            ("https://eu.acme.example/x", "*.acme.example"), ("https://acme.example/", nil),
            ("https://www.acme.example.evil.example/", nil), ("http://localhost:8080/", "localhost"),
            ("http://[::1]:8080/", "[::1]"), ("http://localhost/", nil), ("null", nil), ("", nil),
        ] as [(String, String?)]
    )
    func sites(_ page: String, _ host: String?) {
        let origins = FrameOrigins([
            "https://www.acme.example", "https://*.acme.example", "http://localhost:8080", "http://[::1]:8080",
        ])
        let page = bytes(page)
        #expect(origins.listedHost(page.span, FrameOrigins.origin(of: page.span)) == host)
        #expect(FrameOrigins(["*"]).listedHost(page.span, FrameOrigins.origin(of: page.span)) == nil)
    }
}
