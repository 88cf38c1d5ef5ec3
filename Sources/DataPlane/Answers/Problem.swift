import Basics

/// An error as a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
struct Problem {
    var status: Int
    var code: String
    var title: String
    var detail: String
    /// Seconds since the active session joined.
    var activeFor: Int64?
    /// For scripts of the page. `nil` if the error is no refusal of a viewer.
    var sessionState: SessionState?
    /// When the event opens to the viewer.
    var opensAt: Milliseconds?
    var requestID: String
    /// Whether to add the members of the control API's errors.
    var isForAPI = false

    var json: [UInt8] {
        var members = [
            JSONMember("type", .string("about:blank")), JSONMember("title", .string(title)),
            JSONMember("status", .number(Double(status))), JSONMember("code", .string(code)),
            JSONMember("detail", .string(detail)),
        ]
        if isForAPI { members += [JSONMember("hasError", .bool(true)), JSONMember("errorMessage", .string(detail))] }
        if let activeFor { members.append(JSONMember("activeForSeconds", .number(Double(activeFor)))) }
        if let sessionState { members.append(JSONMember("state", .string(sessionState.rawValue))) }
        if let opensAt { members.append(JSONMember("opensAt", .string(Timestamp.text(opensAt)))) }
        members.append(JSONMember("requestId", .string(requestID)))
        return JSONValue.object(members).serialized()
    }
}

/// Texts for plain HTTP statuses.
enum StatusText {
    static func of(_ status: Int) -> (title: String, code: String, detail: String) {
        switch status {
        case 200: ("OK", "ok", "")
        case 201: ("Created", "created", "")
        case 204: ("No Content", "no_content", "")
        case 301: ("Moved Permanently", "moved_permanently", "")
        case 303: ("See Other", "see_other", "")
        case 308: ("Permanent Redirect", "permanent_redirect", "")
        case 400: ("Bad Request", "bad_request", "Send a request that follows RFC 9112, with an unambiguous path.")
        case 401: ("Unauthorized", "unauthorized", "")
        case 403: ("Forbidden", "forbidden", "Nothing is served to this address.")
        case 404: ("Not Found", "not_found", "Check the address.")
        case 405: ("Method Not Allowed", "method_not_allowed", "Use the method that the Allow field names.")
        case 408: ("Request Timeout", "request_timeout", "Send the request again, without pauses.")
        case 409: ("Conflict", "conflict", "")
        case 413: ("Content Too Large", "content_too_large", "Send less at once.")
        case 426: ("Upgrade Required", "upgrade_required", "Use WebSocket version 13.")
        case 429:
            ("Too Many Requests", "too_many_requests", "Wait for the time in Retry-After, and send fewer at once.")
        case 431: ("Request Header Fields Too Large", "header_too_large", "Send fewer or shorter header fields.")
        case 501: ("Not Implemented", "method_not_implemented", "Use another method.")
        case 502: ("Bad Gateway", "bad_gateway", "Try again in a minute.")
        case 503: ("Service Unavailable", "unavailable", "Try again in a few seconds.")
        case 504: ("Gateway Timeout", "gateway_timeout", "Try again in a minute.")
        case 505: ("HTTP Version Not Supported", "version_not_supported", "Use HTTP/1.1.")
        default: ("Error", "error", "")
        }
    }
}
