import Basics
import Foundation
import JOSE

/// A page in a browser that calls the API of another origin under the rules of
/// [Fetch](https://fetch.spec.whatwg.org/#http-cors-protocol). Whatever a browser would not send, or not let the page
/// read, is an error here.
struct CrossOriginPage {
    let origin: String
    let port: UInt16

    /// What a browser tells the page, which is only that it failed.
    struct Blocked: Error, CustomStringConvertible {
        let description: String
    }

    /// `fetch(url, { method, headers, body: JSON.stringify(body) })`
    func fetch(_ method: String, _ path: String, token: String? = nil, body: JSONValue? = nil) throws -> Response {
        var headers: [(name: String, value: String)] = []
        if let token { headers.append(("authorization", "Bearer \(token)")) }
        if body != nil { headers.append(("content-type", "application/json")) }
        if !headers.isEmpty || !["GET", "HEAD", "POST"].contains(method) {
            try preflight(method, path, headers.map(\.name).sorted())
        }
        let fields = Self.own + ["Origin: \(origin)"] + headers.map { "\($0.name): \($0.value)" }
        let text = body.map { $0.serialized() } ?? []
        let response = try Client(port: port).exchange(path, method: method, fields + ["Connection: close"], body: text)
        try checkOrigin(response)
        return response
    }

    private static let own = [
        "Accept: */*", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: empty",
    ]

    private func preflight(_ method: String, _ path: String, _ headers: [String]) throws {
        var fields = Self.own + ["Origin: \(origin)", "Access-Control-Request-Method: \(method)"]
        if !headers.isEmpty { fields.append("Access-Control-Request-Headers: \(headers.joined(separator: ","))") }
        let response = try Client(port: port).exchange(path, method: "OPTIONS", fields + ["Connection: close"])
        guard (200..<300).contains(response.status) else {
            throw Blocked(description: "the preflight's status is \(response.status)")
        }
        try checkOrigin(response)
        // A method or field that any page may send needs no permission; a star does not cover Authorization.
        let methods = names(response, "Access-Control-Allow-Methods")
        guard ["GET", "HEAD", "POST"].contains(method) || methods.contains(method) || methods.contains("*") else {
            throw Blocked(description: "\(method) is not in \(methods)")
        }
        let allowed = names(response, "Access-Control-Allow-Headers").map { $0.lowercased() }
        for header in headers where !allowed.contains(header) {
            guard header != "authorization", allowed.contains("*") else {
                throw Blocked(description: "\(header) is not in \(allowed)")
            }
        }
    }

    private func checkOrigin(_ response: Response) throws {
        let allowed = response.fields.values("Access-Control-Allow-Origin")
        guard allowed == [origin] || allowed == ["*"] else {
            throw Blocked(description: "Access-Control-Allow-Origin is \(allowed)")
        }
        // Caches must not give one origin's answer to another.
        guard allowed == ["*"] || response.fields.values("Vary").contains(where: { $0.lowercased().contains("origin") })
        else { throw Blocked(description: "the answer depends on Origin, and does not say so") }
    }

    private func names(_ response: Response, _ field: String) -> [String] {
        response.fields.values(field).flatMap { $0.split(separator: ",") }
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
