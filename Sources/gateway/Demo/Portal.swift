import Basics
import HTTPTypes
import Hummingbird
import JOSE
import Logging
import NIOCore
import ServiceLifecycle

/// The site of the demo's company, with its own sign-in and its own backend. It knows the gateway only by its API.
struct Portal {
    let company: DemoCompany
    let backend: PortalBackend
    let decisions: Decisions
    let port: Int

    private static let signInCookie = "acme-user"
    private static let maxForm = 4096

    /// Serves until the task is cancelled.
    func serve(whenListening: @escaping @Sendable () -> Void) async throws {
        var quiet = Logger(label: "portal")
        quiet.logLevel = .critical
        let application = Application(
            router: router(),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { _ in whenListening() },
            logger: quiet
        )
        var configuration = ServiceGroupConfiguration(services: [application], logger: quiet)
        // Streams of decisions have no end of their own.
        configuration.maximumGracefulShutdownDuration = .milliseconds(200)
        let group = ServiceGroup(configuration: configuration)
        try await withTaskCancellationHandler {
            try await group.run()
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.addMiddleware { PortalGuard(company: company) }
        router.get("/") { request, _ in
            guard let person = person(of: request) else {
                return html(PortalPage(company: company, person: nil).signIn())
            }
            return await answer(for: person) {
                let events = try await backend.events()
                let mistakes = events.count > 1 ? try company.mistakes(for: events[0], other: events[1]) : []
                return PortalPage(company: company, person: person).events(events, mistakes: mistakes)
            }
        }
        router.post("/sign-in") { request, _ in
            let id = try await form(request)["person"] ?? ""
            return seeOther("/", cookie: DemoPerson.all.contains { $0.id == id } ? id : nil)
        }
        router.post("/sign-out") { _, _ in seeOther("/", cookie: "") }
        for kind in PortalEvent.Kind.allCases {
            addEvents(kind, to: router)
        }
        router.get("/decisions") { _, _ in
            let lines = decisions.lines()
            return Response(
                status: .ok,
                headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
                body: ResponseBody { writer in
                    for await line in lines { try await writer.write(ByteBuffer(string: "data: \(line)\n\n")) }
                    try await writer.finish(nil)
                }
            )
        }
        router.get("/assets/portal.css") { _, _ in asset(PortalAssets.style, "text/css; charset=utf-8") }
        router.get("/assets/portal.js") { _, _ in asset(PortalAssets.script, "text/javascript; charset=utf-8") }
        router.get("/assets/mark.svg") { _, _ in asset(DemoAssets.mark, "image/svg+xml") }
        return router
    }

    private func addEvents(_ kind: PortalEvent.Kind, to router: Router<BasicRequestContext>) {
        let path = "/\(kind.rawValue)/:event"
        router.get("\(path)") { request, context in
            guard let person = person(of: request) else { return seeOther("/", cookie: nil) }
            let uid = try context.parameters.require("event")
            return await answer(for: person) {
                let page = PortalPage(company: company, person: person)
                let event = try await backend.event(kind, uid)
                return page.event(event, address: try await backend.join(event, as: person), as: person)
            }
        }
        router.get("\(path)/sessions") { request, context in
            try await act(kind, request, context) { event, _ in
                let list = try await backend.sessions(event)
                return Response(
                    status: .ok,
                    headers: [.contentType: "application/json"],
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: list.serialized()))
                )
            }
        }
        router.post("\(path)/elsewhere") { request, context in
            try await act(kind, request, context, byHost: false) { event, person in
                try await backend.joinElsewhere(event, as: person)
                return seeOther(event.path, cookie: nil)
            }
        }
        for (name, isPresenter) in [("presenter", true), ("attendee", false)] {
            router.post("\(path)/\(name)") { request, context in
                let email = try await form(request)["email"] ?? ""
                return try await act(kind, request, context) { event, _ in
                    try await backend.setPresenter(email, isPresenter, event)
                    return seeOther(event.path, cookie: nil)
                }
            }
        }
        router.post("\(path)/send-away") { request, context in
            let email = try await form(request)["email"] ?? ""
            return try await act(kind, request, context) { event, _ in
                try await backend.sendAway(email, event)
                return seeOther(event.path, cookie: nil)
            }
        }
    }

    /// Does what only somebody who has signed in may do, or only the host.
    private func act(
        _ kind: PortalEvent.Kind,
        _ request: Request,
        _ context: BasicRequestContext,
        byHost isForHost: Bool = true,
        _ body: (PortalEvent, DemoPerson) async throws -> Response
    ) async throws -> Response {
        guard let person = person(of: request), !isForHost || person.id == DemoPerson.host.id else {
            return Response(status: .forbidden)
        }
        do {
            return try await body(try await backend.event(kind, context.parameters.require("event")), person)
        } catch let fault as PortalBackend.Fault {
            return html(
                PortalPage(company: company, person: person).failure("That did not work", fault.description),
                .badGateway
            )
        }
    }

    private func answer(for person: DemoPerson, _ page: () async throws -> String) async -> Response {
        do {
            return html(try await page())
        } catch {
            let page = PortalPage(company: company, person: person)
            return html(page.failure("The gateway does not let us", "\(error)"), .badGateway)
        }
    }

    private func person(of request: Request) -> DemoPerson? {
        let id = request.cookies[Self.signInCookie]?.value
        return DemoPerson.all.first { $0.id == id }
    }

    private func form(_ request: Request) async throws -> [String: String] {
        let body = try await request.body.collect(upTo: Self.maxForm)
        return try URLEncodedFormDecoder().decode([String: String].self, from: String(buffer: body))
    }

    private func html(_ page: String, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page))
        )
    }

    private func asset(_ text: String, _ type: String) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }

    /// - Parameter cookie: who signs in; empty for nobody. `nil` leaves it as it is.
    private func seeOther(_ path: String, cookie: String?) -> Response {
        var response = Response(status: .seeOther, headers: [.location: path])
        if let cookie {
            let age = cookie.isEmpty ? "; Max-Age=0" : ""
            response.headers[.setCookie] = "\(Self.signInCookie)=\(cookie); Path=/; HttpOnly; SameSite=Lax\(age)"
        }
        return response
    }
}

/// Keeps other sites out: names of theirs that lead here, and their forms.
private struct PortalGuard: RouterMiddleware {
    let company: DemoCompany

    func handle(
        _ request: Request,
        context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        // Only under its own name may its pages have the gateway's in a frame.
        guard "http://\(request.head.authority ?? "")" == company.siteURL else {
            return Response(status: .temporaryRedirect, headers: [.location: company.siteURL + "/"])
        }
        if request.method != .get, request.headers[.origin] != company.siteURL { return Response(status: .forbidden) }
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = """
            default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
            form-action 'self'; frame-src \(company.gatewayURL); frame-ancestors 'none'; base-uri 'none'
            """
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }
}
