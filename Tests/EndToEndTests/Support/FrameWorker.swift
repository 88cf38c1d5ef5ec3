import Basics
import Foundation

/// A frame without cookies, and the service worker in it, from the gateway's point of view.
final class FrameWorker {
    let site: Site
    /// The embed host's cookies, sealed.
    var cookies: [String: String] = [:]
    /// The session that the worker holds.
    var session: String?
    var socket: String?

    init(_ site: Site) { self.site = site }

    /// A gateway that lets workers hold sessions.
    static func site(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> Site {
        try Site {
            $0.sessions = "cookieless = true"
            adjust(&$0)
        }
    }

    /// A link for a person's registration.
    static func link(_ person: String, _ event: String = "e1") -> String {
        "/event/\(event)?a=1&token=\(Minter.acme.registration(person, event: event))"
    }

    var own: String { "Origin: http://localhost:\(site.port)" }

    static let frame = [
        "Accept: text/html,*/*;q=0.8", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe",
        "Sec-Fetch-Site: cross-site",
    ]

    /// Opens a link in the frame. Returns the page for browsers that bring no cookie.
    func wayIn(_ link: String) throws -> Response {
        let redirect = try fetch(site.port, link, Self.frame)
        return try fetch(site.port, Browser.path(redirect["Location"] ?? ""), sessionFields + Self.frame)
    }

    /// A datum of the page's link.
    static func datum(_ name: String, in page: Response) -> String? {
        guard let start = page.text.range(of: "data-\(name)=\"") else { return nil }
        return String(page.text[start.upperBound...].prefix { $0 != "\"" }).replacing("&amp;", with: "&")
    }

    private var sessionFields: [String] { session.map { ["Gateway-Session: \($0)"] } ?? [] }

    /// Exchanges a ticket, and keeps the session.
    func join(_ ticket: String) throws -> Response {
        let target = "/.gateway/join?gateway-ticket=\(ticket)"
        let answer = try fetch(site.port, target, method: "POST", [own, "Content-Length: 0"] + sessionFields)
        keep(answer)
        return answer
    }

    func renew() throws -> Response {
        let answer = try fetch(
            site.port,
            "/.gateway/renew",
            method: "POST",
            [own, "Content-Length: 0"] + sessionFields
        )
        keep(answer)
        return answer
    }

    private func keep(_ answer: Response) {
        guard answer.status == 200, let members = try? answer.json() else { return }
        session = members["session"]?.text
        socket = members["socket"]?.text
    }

    /// Opens a link, as the page's script does without showing anything.
    func open(_ link: String) throws -> Response {
        let page = try wayIn(link)
        guard let ticket = Self.datum("join", in: page), let place = Self.datum("place", in: page) else { return page }
        let joined = try join(ticket)
        return joined.status == 200 ? try navigate(place) : joined
    }

    func navigate(_ target: String, _ method: String = "GET", _ fields: [String] = []) throws -> Response {
        try request(
            target,
            method,
            "dest=iframe, mode=navigate, site=cross-site, from=",
            ["Accept: text/html"] + fields
        )
    }

    /// A request of the page, as the worker sends it on.
    func request(
        _ target: String,
        _ method: String = "GET",
        _ asked: String = "dest=empty, mode=cors, site=same-origin, from=/event/e1/page",
        _ fields: [String] = []
    ) throws -> Response {
        let length = method == "POST" ? ["Content-Length: 0", own] : []
        let stored = cookies.isEmpty ? [] : ["Gateway-Cookie: " + cookies.values.joined(separator: ",")]
        let answer = try fetch(
            site.port,
            target,
            method: method,
            sessionFields + fields + length + stored + [
                "Gateway-Request: \(asked)", "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty",
                "Sec-Fetch-Site: same-origin",
            ]
        )
        if let next = answer["Gateway-Session"] { session = next }
        if let next = answer["Gateway-Socket"] { socket = next }
        for line in answer.fields.values("gateway-set-cookie") {
            let parts = line.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            cookies[parts[0]] = parts[1].isEmpty ? nil : parts[1]
        }
        return answer
    }
}
