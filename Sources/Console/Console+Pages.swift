import Admission
import Basics
import DataPlane
import GatewayConfiguration
import Logging

/// The pages, and what their forms do.
extension Console {
    func answer(_ call: ConsoleCall, to visitor: Visitor) async -> ConsoleAnswer {
        switch ExactText(call.path) {
        case "/console/": await show(call) { await self.overview(visitor) }
        case "/console/events": await events(call, visitor)
        case "/console/sessions": await show(call) { await self.sessions(call, visitor) }
        case ExactText(RemovalForm.path): await removal(call, visitor)
        case "/console/removals": await removals(call, visitor)
        case "/console/removals/lift": await act(call, visitor, lift)
        case "/console/companies": await show(call) { self.companies(call, visitor) }
        case "/console/companies/one": await company(call, visitor)
        case "/console/companies/event": await registrations(call, visitor)
        case "/console/companies/webhook": await deliveries(call, visitor)
        case "/console/companies/secrets/add": await act(call, visitor) { try await self.addSecret($0, visitor) }
        case "/console/companies/keys/add": await act(call, visitor) { try await self.addKey($0, visitor) }
        case ExactText(RevocationForm.path): await revocation(call, visitor)
        case "/console/companies/redeliver": await act(call, visitor, redeliver)
        case "/console/upstreams": await upstreams(call, visitor)
        case "/console/configuration": await show(call) { await self.configuration(call, visitor) }
        case "/console/configuration/reload": await act(call, visitor) { _ in try await self.reloadFile() }
        case "/console/log": await show(call) { self.log(call, visitor) }
        default: failed(ConsoleFault("There is no such page.", status: 404), visitor)
        }
    }

    private func show(_ call: ConsoleCall, _ page: () async -> Page) async -> ConsoleAnswer {
        guard read(call) else { return .notAllowed("GET, HEAD") }
        return .page(200, await page().html)
    }

    // MARK: Overview

    private func overview(_ visitor: Visitor) async -> Page {
        let overview = await feed.overview()
        return Page(
            title: "Overview",
            place: .overview,
            visitor: visitor,
            isLive: true,
            layout: overview.layout,
            content: OverviewPage(overview: overview).html
        )
    }

    private func events(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        guard call.method == .get else { return .notAllowed("GET") }
        await feed.refresh()
        guard let watcher = feed.watch(isReader: !visitor.mayAct) else {
            return ConsoleAnswer(503, fields: [("Retry-After", "5")])
        }
        var answer = ConsoleAnswer(200, type: "text/event-stream")
        answer.pieces = { [self] in
            let message = await watcher.next()
            // Signing out ends the stream, and so does a token that is withdrawn.
            return isSignedIn(call) ? message : nil
        }
        return answer
    }

    // MARK: Sessions

    private func sessions(_ call: ConsoleCall, _ visitor: Visitor) async -> Page {
        let form = Form(call.query)
        let search = SessionSearch(form)
        let (found, total) = await gateway.latestSessions(
            SessionSearch.pageSize + 1,
            before: search.before,
            where: search.matches
        )
        let page = SessionsPage(
            search: search,
            found: found,
            total: total,
            underWay: gateway.sessionCount,
            visitor: visitor,
            now: clock()
        )
        return Page(
            title: "Sessions",
            place: .sessions,
            visitor: visitor,
            isLive: true,
            notice: Self.notice(form),
            content: page.html
        )
    }

    private func removal(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        guard read(call) else { return await act(call, visitor, remove) }
        guard let session = await gateway.session(named: Form(call.query)["session"] ?? "") else {
            return failed(ConsoleFault("This session has ended.", status: 404, back: Page.Place.sessions.path), visitor)
        }
        let form = RemovalForm(session: session, visitor: visitor)
        return .page(
            200,
            Page(title: "Remove a viewer", place: .sessions, visitor: visitor, content: form.html).html
        )
    }

    private func remove(_ form: Form) async throws -> ConsoleAnswer {
        let choice = try RemovalForm.Choice(form, at: clock())
        let reason = form["reason"]
        if let reason, reason.utf8.count > 800 || reason.unicodeScalars.contains(where: TerminalText.isActive) {
            throw ConsoleFault("Use a shorter reason, without control characters.")
        }
        guard let session = await gateway.session(named: form["session"] ?? "") else {
            throw ConsoleFault("This session has ended.", status: 404)
        }
        switch choice {
        case .session:
            try await gateway.kick(session)
            return .redirect(to: Page.Place.sessions.path + Form.query([("done", "ended")]))
        case .viewer(let until):
            guard !session.event.isEmpty else { throw ConsoleFault("The session is in no event: end it instead.") }
            _ = try await gateway.remove(
                RemovalForm.person(session),
                from: session.event,
                company: session.company,
                until: until,
                reason: reason
            )
            return .redirect(to: Page.Place.removals.path + Form.query([("done", "removed")]))
        }
    }

    // MARK: Removals

    private func removals(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        guard read(call) else { return .notAllowed("GET, HEAD") }
        let all: [Removal]
        do {
            all = try await gateway.removals()
        } catch {
            logger.error("console: removals cannot be read", metadata: ["error": "\(error)"])
            return failed(ConsoleFault("Removals cannot be read. The log says why.", status: 500), visitor)
        }
        let page = Page(
            title: "Removals",
            place: .removals,
            visitor: visitor,
            notice: Self.notice(Form(call.query)),
            content: RemovalsPage(removals: all, visitor: visitor).html
        )
        return .page(200, page.html)
    }

    private func lift(_ form: Form) async throws -> ConsoleAnswer {
        guard try await gateway.lift(form["id"] ?? "") != nil else {
            throw ConsoleFault("There is no such removal: it has ended, or somebody has lifted it.", status: 404)
        }
        return .redirect(to: Page.Place.removals.path + Form.query([("done", "lifted")]))
    }

    // MARK: Upstreams

    private func upstreams(_ call: ConsoleCall, _ visitor: Visitor) async -> ConsoleAnswer {
        guard read(call) else { return await act(call, visitor, drain) }
        let page = Page(
            title: "Upstreams",
            place: .upstreams,
            visitor: visitor,
            notice: Self.notice(Form(call.query)),
            content: UpstreamsPage(upstreams: await gateway.vitals().upstreams, visitor: visitor).html
        )
        return .page(200, page.html)
    }

    private func drain(_ form: Form) async throws -> ConsoleAnswer {
        let isDrained: Bool
        switch form["state"].map({ ExactText($0) }) {
        case "drain": isDrained = true
        case "ready": isDrained = false
        default: throw ConsoleFault("The state is drain or ready.")
        }
        guard gateway.drain(isDrained, server: form["server"] ?? "", of: form["upstream"] ?? "") else {
            throw ConsoleFault("There is no such server.", status: 404)
        }
        return .redirect(to: Page.Place.upstreams.path + Form.query([("done", isDrained ? "drained" : "ready")]))
    }

    // MARK: Configuration and log

    private func configuration(_ call: ConsoleCall, _ visitor: Visitor) async -> Page {
        let page = ConfigurationPage(
            settings: gateway.settings,
            vitals: await gateway.vitals(),
            hasFile: reload != nil,
            visitor: visitor
        )
        return Page(
            title: "Configuration",
            place: .configuration,
            visitor: visitor,
            notice: Self.notice(Form(call.query)),
            content: page.html
        )
    }

    /// How long a reload may take until nobody waits for it.
    private static let reloadTime = Duration.seconds(20)

    private func reloadFile() async throws -> ConsoleAnswer {
        guard let reload else { throw ConsoleFault("There is no file to load.", status: 409) }
        let before = await gateway.vitals().reloads
        reload()
        let deadline = ContinuousClock.now + Self.reloadTime
        while ContinuousClock.now < deadline {
            let now = await gateway.vitals().reloads
            if now.successes > before.successes || now.failures > before.failures {
                let result = now.hasSucceeded ? "reloaded" : "refused"
                return .redirect(to: Page.Place.configuration.path + Form.query([("done", result)]))
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return .redirect(to: Page.Place.configuration.path + Form.query([("done", "waiting")]))
    }

    private func log(_ call: ConsoleCall, _ visitor: Visitor) -> Page {
        let form = Form(call.query)
        let level = RecentLines.Level.allCases.first { form["level"].hasSameBytes(as: $0.name) } ?? .info
        let page = LogPage(
            lines: lines.latest(LogPage.limit, atLeast: level, containing: form.wanted),
            level: level,
            text: form.wanted
        )
        return Page(title: "Log", place: .log, visitor: visitor, content: page.html)
    }

    // MARK: Notices

    /// What came of an action, for the page to which it led. One of these texts, so that a link cannot say anything else.
    static func notice(_ form: Form) -> Page.Notice? {
        switch form["done"].map({ ExactText($0) }) {
        case "ended": .done("The session was ended.")
        case "removed": .done("The viewer was removed.")
        case "lifted": .done("The viewer may join again.")
        case "redelivered": .done("The message will be delivered again.")
        case "key-added": .done("The key was added.")
        case "key-revoked": .done("The key was revoked.")
        case "secret-revoked": .done("The client secret was revoked.")
        case "drained": .done("The server is drained: it gets no new requests.")
        case "ready": .done("The server is back in service.")
        case "reloaded": .done("The file was loaded. If it warned of anything, the log says so.")
        case "refused": .failed("The file was refused, and nothing has changed. The log says why.")
        case "waiting": .failed("The reload has not finished yet. The log will say how it went.")
        default: nil
        }
    }
}
