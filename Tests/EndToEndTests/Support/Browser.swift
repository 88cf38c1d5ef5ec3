/// A browser from the gateway's point of view: it keeps cookies and declares the kind of its requests.
final class Browser {
    /// Where it sends its requests, as a load balancer that sends them anywhere would.
    var port: UInt16
    /// The last number of its loopback address.
    let host: UInt8
    private(set) var cookies: [String: String] = [:]
    var keepsCookies = true

    convenience init(_ site: Site, host: UInt8 = 1) { self.init(port: site.port, host: host) }

    init(port: UInt16, host: UInt8 = 1) {
        self.port = port
        self.host = host
    }

    static let navigation = [
        "Accept: text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
    ]

    /// The header line with all cookies.
    var cookieField: [String] {
        guard !cookies.isEmpty else { return [] }
        return ["Cookie: " + cookies.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")]
    }

    /// Opens a page without following redirections.
    func navigate(_ target: String, _ method: String = "GET", _ fields: [String] = []) throws -> Response {
        try request(target, method, Self.navigation + fields)
    }

    /// A request by a script on the page.
    func fetch(_ target: String, _ method: String = "GET", _ fields: [String] = []) throws -> Response {
        try request(target, method, ["Accept: */*", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin"] + fields)
    }

    /// Opens a page and follows its redirections.
    func open(_ target: String) throws -> Response {
        var response = try navigate(target)
        for _ in 0..<5 where [301, 302, 303, 307, 308].contains(response.status) {
            response = try navigate(Self.path(response["Location"] ?? ""))
        }
        return response
    }

    /// Path and query of a location.
    static func path(_ location: String) -> String {
        guard location.hasPrefix("http") else { return location }
        let rest = location.dropFirst(location.hasPrefix("https://") ? 8 : 7)
        return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
    }

    private func request(_ target: String, _ method: String, _ fields: [String]) throws -> Response {
        let body: [UInt8] = []
        let length = method == "POST" ? ["Content-Length: 0"] : []
        let response = try Client(port: port, host: host).exchange(
            target,
            method: method,
            fields + cookieField + length + ["Connection: close"],
            body: body
        )
        if keepsCookies { keep(response.fields.values("set-cookie")) }
        return response
    }

    private func keep(_ lines: [String]) {
        for line in lines {
            let parts = line.split(separator: ";").map { $0.drop { $0 == " " } }
            guard let pair = parts.first, let equals = pair.firstIndex(of: "=") else { continue }
            let name = String(pair[..<equals])
            if parts.contains(where: { $0.lowercased() == "max-age=0" }) {
                cookies[name] = nil
            } else {
                cookies[name] = String(pair[pair.index(after: equals)...])
            }
        }
    }
}
