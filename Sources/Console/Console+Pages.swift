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
        guard read(call) else { return .notAllowed("GET, HEAD") }
        if call.method == .get { await feed.refresh() }
        guard let watcher = feed.watch(isReader: !visitor.mayAct) else {
            return ConsoleAnswer(503, fields: [("Retry-After", "5")])
        }
        // Proxies must pass each message on at once. nginx holds answers back unless they say so.
        var answer = ConsoleAnswer(200, fields: [("X-Accel-Buffering", "no")], type: "text/event-stream")
        guard call.method == .get else { return answer }
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
        guard read(call) else { return await act(call, visitor) { try await self.remove($0, visitor) } }
        guard let session = await gateway.session(named: Form(call.query)["session"] ?? "") else {
            return failed(ConsoleFault("This session has ended.", status: 404, back: Page.Place.sessions.path), visitor)
        }
        let form = RemovalForm(session: session, visitor: visitor)
        return .page(200, page(form, visitor))
    }

    private func page(_ form: RemovalForm, _ visitor: Visitor) -> HTML {
        Page(
            title: "Remove a viewer",
            place: .sessions,
            visitor: visitor,
            notice: form.fault.map { .failed($0.text) },
            content: form.html
        ).html
    }

    /// Removes a viewer. If that is not possible, shows the form again as it was filled in.
    private func remove(_ form: Form, _ visitor: Visitor) async throws -> ConsoleAnswer {
        guard let session = await gateway.session(named: form["session"] ?? "") else {
            throw ConsoleFault("This session has ended.", status: 404)
        }
        do {
            return try await remove(session, RemovalForm.Wish(form, of: session, at: clock()))
        } catch let fault as ConsoleFault {
            let again = RemovalForm(session: session, visitor: visitor, filled: form, fault: fault)
            return .page(fault.status, page(again, visitor))
        }
    }

    private func remove(_ session: LiveSession, _ wish: RemovalForm.Wish) async throws -> ConsoleAnswer {
        switch wish.choice {
        case .session:
            do {
                try await gateway.kick(session)
            } catch {
                // It has ended all the same.
                logger.error("console: the end of a session could not be stored", metadata: ["error": "\(error)"])
                return .redirect(to: Page.Place.sessions.path + Form.query([("done", "ended-unstored")]))
            }
            return .redirect(to: Page.Place.sessions.path + Form.query([("done", "ended")]))
        case .viewer(let person, let until):
            do {
                _ = try await gateway.remove(
                    person,
                    from: session.event,
                    company: session.company,
                    until: until,
                    reason: wish.reason
                )
            } catch let fault as RemovalFault {
                throw ConsoleFault("\(fault).", status: 409)
            } catch {
                logger.error("console: a removal could not be stored", metadata: ["error": "\(error)"])
                let rest = "Nobody was kept out, and the session goes on. Ending it needs no database."
                throw ConsoleFault("\(Self.reason(error)) \(rest)", status: 503)
            }
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
            return failed(ConsoleFault("Removals cannot be read. \(Self.reason(error))", status: 500), visitor)
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
        guard read(call) else { return await act(call, visitor) { try await self.drain($0, visitor) } }
        let page = Page(
            title: "Upstreams",
            place: .upstreams,
            visitor: visitor,
            notice: Self.notice(Form(call.query)),
            content: UpstreamsPage(upstreams: await gateway.vitals().upstreams, visitor: visitor).html
        )
        return .page(200, page.html)
    }

    private func drain(_ form: Form, _ visitor: Visitor) async throws -> ConsoleAnswer {
        let isDrained: Bool
        switch form["state"].map({ ExactText($0) }) {
        case "drain": isDrained = true
        case "ready": isDrained = false
        default: throw ConsoleFault("The state is drain or ready.")
        }
        let (server, upstream) = (form["server"] ?? "", form["upstream"] ?? "")
        if isDrained, form["sure"] == nil, await isLast(server, of: upstream) {
            let content = DrainQuestion(server: server, upstream: upstream, visitor: visitor).html
            let page = Page(title: "Drain the last server?", place: .upstreams, visitor: visitor, content: content)
            return .page(409, page.html)
        }
        guard gateway.drain(isDrained, server: server, of: upstream) else {
            throw ConsoleFault("There is no such server.", status: 404)
        }
        return .redirect(to: Page.Place.upstreams.path + Form.query([("done", isDrained ? "drained" : "ready")]))
    }

    /// Whether a server is one that serves, and the only one of its upstream.
    private func isLast(_ server: String, of upstream: String) async -> Bool {
        let entry = await gateway.vitals().upstreams.first { $0.name.hasSameBytes(as: upstream) }
        let others = entry?.servers.filter { !$0.name.hasSameBytes(as: server) }
        guard let entry, let others, others.count < entry.servers.count else { return false }
        return others.allSatisfy { $0.state != .up }
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
                let result = !now.hasSucceeded ? "refused" : now.waiting.isEmpty ? "reloaded" : "partly"
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
        case "ended-unstored":
            .failed(
                "The session was ended. That could not be stored, so its viewer may come back with it after a restart. "
                    + "The log says why."
            )
        case "removed": .done("The viewer was removed.")
        case "lifted": .done("The viewer may join again.")
        case "queued": .done("The message is queued. The table says when it is tried next, and then what came of it.")
        case "queued-behind": .done("The message is queued, behind an older one of its event.")
        case "key-added": .done("The key was added.")
        case "key-revoked": .done("The key was revoked.")
        case "secret-revoked": .done("The client secret was revoked.")
        case "drained": .done("The server is drained: it gets no new requests.")
        case "ready": .done("The server is back in service.")
        case "reloaded": .done("The file was loaded.")
        case "partly": .done("The file was loaded, but for what waits for the next start.")
        case "refused": .failed("The file was refused, and nothing has changed.")
        case "waiting": .failed("The reload has not finished yet. The log will say how it went.")
        default: nil
        }
    }
}
