import Admission
import Basics

/// The embed host's cookies in browsers that keep none in a frame: the service worker keeps them, sealed.
extension Exchange {
    /// Whether the upstream's cookies go to the service worker.
    var storesCookies: Bool {
        guard isToldByServiceWorker, let route = state.request.route else { return false }
        return snapshot.routeStoresCookies[route]
    }

    /// Writes what the worker keeps of a `Set-Cookie`.
    func writeStoredCookie(_ bytes: Span<UInt8>, _ value: Range<Int>, to head: inout ByteWriter) {
        let (now, path) = (worker.clock.wall, cookiePath)
        guard let admitted, let cookie = StoredCookie(bytes, value, requestPath: path.span, now: now) else { return }
        head.write("Gateway-Set-Cookie: ")
        head.write(worker.site.cookieSeal.text(of: cookie, for: admitted.subject, now: now))
        head.write("\r\n")
    }

    /// A line that tells caches, besides a field of the upstream's answer, what they do not see: the worker's request
    /// brings session and cookies in fields of ours, and looks like one without any. `nil` if there is nothing to tell.
    ///
    /// A shared cache must not keep the answer, as most keep none to a request with cookies, whatever its public fields
    /// say ([RFC 9111 section 3](https://www.rfc-editor.org/rfc/rfc9111#section-3)). The browser's own may, but what
    /// varies with cookies varies with those fields: they are others for another viewer, and after a login.
    func cachingLine(besides field: FieldBlock.Field, _ bytes: Span<UInt8>, _ told: inout ToldCaches) -> StaticString? {
        guard isToldByServiceWorker, viewer != nil else { return nil }
        if field.name == .cacheControl, told.insert(.isPrivate).inserted { return "Cache-Control: private\r\n" }
        guard field.name == .other, bytes.equals("vary", ignoringCaseIn: field.nameRange) else { return nil }
        var hasCookie = false
        bytes.forEachPart(of: field.value, separatedBy: UInt8(ascii: ",")) { part in
            if bytes.equals("cookie", ignoringCaseIn: bytes.trimming(part)) { hasCookie = true }
        }
        guard hasCookie, told.insert(.varies).inserted else { return nil }
        return "Vary: Gateway-Session, Gateway-Cookie\r\n"
    }

    /// What an answer's head has told caches of a worker's request.
    struct ToldCaches: OptionSet {
        var rawValue: UInt8
        static let isPrivate = ToldCaches(rawValue: 1)
        static let varies = ToldCaches(rawValue: 2)
    }

    /// The cookies that the worker has sent with a request and that apply to it, those of longer paths first
    /// ([RFC 6265 section 5.4](https://www.rfc-editor.org/rfc/rfc6265#section-5.4)). Those of another viewer or event are
    /// dropped. Notes the path for those of the answer.
    func storedCookies(_ request: RequestView) -> [StoredCookie] {
        guard storesCookies, let subject = admitted?.subject else { return [] }
        cookiePath = request.path.copied()
        guard let value = request.value(of: .gatewayCookie), request.isSingle(.gatewayCookie) else { return [] }
        let (seal, now) = (worker.site.cookieSeal, worker.clock.wall)
        var cookies: [StoredCookie] = []
        var count = 0
        value.forEachPart(of: 0..<value.count, separatedBy: UInt8(ascii: ",")) { part in
            count += 1
            guard count <= CookieSeal.maxCount, let cookie = seal.open(value.extracting(part), for: subject, now: now),
                cookie.applies(to: request.path)
            else { return }
            cookies.append(cookie)
        }
        return cookies.enumerated().sorted { a, b in
            a.element.path.count != b.element.path.count
                ? a.element.path.count > b.element.path.count : a.offset < b.offset
        }.map(\.element)
    }
}
