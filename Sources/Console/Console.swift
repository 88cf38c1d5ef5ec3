import Admission
package import Basics
import DataPlane
import Directory
import GatewayConfiguration
package import Logging

/// The operator console: pages on the admin listener, made here and sent whole. Scripts only keep values up to date.
///
/// Whoever shows a token of `[admin]` on the sign-in page gets a cookie. `token_file` lets act, `read_token_file` only look.
package final class Console: Sendable {
    let gateway: any Overseen
    let feed: Feed
    let lines: RecentLines
    let logger: Logger
    /// Loads the configuration's file again soon; `nil` if there is none.
    let reload: (@Sendable () -> Void)?
    /// The database; `nil` while there is none.
    let records: @Sendable () -> (any Records)?
    let clock: @Sendable () -> Milliseconds
    private let signIns = SignIns()
    private let attempts = AttemptLimiter()

    /// The most wrong tokens from an address in a minute.
    static let maxAttempts = 10
    /// Stands for clients without an address.
    private static let nobody: UInt64 = 1

    /// - Parameters:
    ///   - lines: the last lines of the log.
    ///   - clock: the time of day.
    ///   - records: the database; `nil` while there is none.
    package init(
        _ gateway: any Overseen,
        lines: RecentLines,
        logger: Logger,
        clock: @escaping @Sendable () -> Milliseconds = WallClock.now,
        records: @escaping @Sendable () -> (any Records)? = { nil },
        reload: (@Sendable () -> Void)? = nil
    ) {
        (self.gateway, self.lines, self.logger) = (gateway, lines, logger)
        (self.clock, self.records, self.reload) = (clock, records, reload)
        feed = Feed {
            var vitals = await gateway.vitals()
            if let records = records() {
                vitals.hasDatabase = true
                vitals.databaseFault = records.storageFault.map { "\($0)" }
            }
            return vitals
        }
    }

    /// Keeps an hour of readings until the task is cancelled.
    package func run() async { await feed.run() }

    /// Answers a request.
    package func answer(_ call: ConsoleCall) async -> ConsoleAnswer {
        switch ExactText(call.path) {
        case "/", "/console": return read(call) ? .redirect(to: Page.Place.overview.path) : .notAllowed("GET, HEAD")
        case ExactText(Asset.style.path): return read(call) ? Asset.style.answer : .notAllowed("GET, HEAD")
        case ExactText(Asset.script.path): return read(call) ? Asset.script.answer : .notAllowed("GET, HEAD")
        default: break
        }
        guard gateway.settings.admin.token != nil else { return .page(403, SignInPage.switchedOff) }
        switch ExactText(call.path) {
        case "/console/sign-in": return signIn(call)
        case "/console/sign-out": return signOut(call)
        default: break
        }
        guard let visitor = visitor(call) else {
            guard read(call) else { return .page(403, SignInPage(fault: "Sign in first.").html) }
            // An event stream must not be led to a page.
            if call.path.hasSameBytes(as: "/console/events") { return ConsoleAnswer(401) }
            let query = call.query.isEmpty ? "" : "?" + String(decoding: call.query, as: UTF8.self)
            return .redirect(to: "/console/sign-in" + Form.query([("to", call.path + query)]))
        }
        return await answer(call, to: visitor)
    }

    func read(_ call: ConsoleCall) -> Bool { call.method == .get || call.method == .head }

    /// Whether whoever has sent this is still signed in.
    func isSignedIn(_ call: ConsoleCall) -> Bool { visitor(call) != nil }

    private func visitor(_ call: ConsoleCall) -> Visitor? {
        guard let cookie = call.cookie.flatMap(SignIns.cookie) else { return nil }
        return signIns.visitor(cookie: cookie, gateway.settings.admin, at: clock())
    }

    // MARK: Signing in and out

    private func signIn(_ call: ConsoleCall) -> ConsoleAnswer {
        guard call.method == .post else {
            guard read(call) else { return .notAllowed("GET, HEAD, POST") }
            return .page(200, SignInPage(destination: Self.destination(Form(call.query)["to"])).html)
        }
        guard call.isFromConsole else { return .page(403, SignInPage(fault: "Use the form on this page.").html) }
        let form = Form(call.body)
        let destination = Self.destination(form["to"])
        let (address, now) = (call.addressHash == 0 ? Self.nobody : call.addressHash, MonotonicClock.now())
        let settings = gateway.settings.admin
        // The right token always passes: behind a tunnel or a proxy, everybody has one address.
        guard let token = form["token"], let begun = signIns.begin(token: Array(token.utf8), settings, at: clock())
        else {
            return refuse(address, call, destination, at: now)
        }
        logger.notice(
            "console: somebody signed in",
            metadata: ["client": "\(call.address)", "role": "\(begun.role.rawValue)"]
        )
        var answer = ConsoleAnswer.redirect(to: destination ?? Page.Place.overview.path)
        answer.fields.append(("Set-Cookie", Self.cookie(begun.cookie, call, age: nil)))
        return answer
    }

    /// Refuses a wrong token. Of those beyond the limit there is no line in the log.
    private func refuse(
        _ address: UInt64,
        _ call: ConsoleCall,
        _ destination: String?,
        at now: Int64
    ) -> ConsoleAnswer {
        guard attempts.isExhausted(address, limit: Self.maxAttempts, now: now) else {
            attempts.count(address, now: now)
            logger.warning("console: a sign-in was refused: wrong token", metadata: ["client": "\(call.address)"])
            return .page(403, SignInPage(fault: "Wrong token.", destination: destination).html)
        }
        let seconds = attempts.pause(address, now: now) / 1000 + 1
        let fault = "Too many wrong tokens. Try again in \(seconds) seconds."
        var answer = ConsoleAnswer.page(429, SignInPage(fault: fault, destination: destination).html)
        answer.fields.append(("Retry-After", "\(seconds)"))
        return answer
    }

    private func signOut(_ call: ConsoleCall) -> ConsoleAnswer {
        guard call.method == .post else { return .notAllowed("POST") }
        if let cookie = call.cookie.flatMap(SignIns.cookie), let visitor = visitor(call) {
            guard isMeant(call, by: visitor) else { return forbid("Use the button on the page.", visitor) }
            signIns.end(cookie: cookie)
        }
        var answer = ConsoleAnswer.redirect(to: "/console/sign-in")
        answer.fields.append(("Set-Cookie", Self.cookie("", call, age: 0)))
        return answer
    }

    /// For this path only, so that other programs on the machine do not get it, and never with a request that another
    /// site has caused.
    private static func cookie(_ value: String, _ call: ConsoleCall, age: Int?) -> String {
        "\(SignIns.cookieName)=\(value); Path=/console; HttpOnly; SameSite=Strict"
            + (call.isSecure ? "; Secure" : "") + (age.map { "; Max-Age=\($0)" } ?? "")
    }

    /// A page of the console that somebody wanted before they had signed in.
    static func destination(_ path: String?) -> String? {
        guard let path, path.utf8.starts(with: "/console/".utf8), path.utf8.count <= 1024,
            path.utf8.allSatisfy({ $0.isLetterOrDigit || "/-._~?=&%+".utf8.contains($0) })
        else { return nil }
        return path
    }

    // MARK: Acting

    /// Whether a visitor wanted this: a page of the console has sent it, with the key of the visitor's forms.
    func isMeant(_ call: ConsoleCall, by visitor: Visitor) -> Bool {
        guard call.isFromConsole, let key = Form(call.body)["key"] else { return false }
        return equal(key, visitor.formKey)
    }

    /// Does what a form asks for, and leads back to a page that says what came of it.
    func act(
        _ call: ConsoleCall,
        _ visitor: Visitor,
        _ body: (Form) async throws -> ConsoleAnswer
    ) async -> ConsoleAnswer {
        guard call.method == .post else { return .notAllowed("POST") }
        guard visitor.mayAct else { return forbid("The token of admin.read_token_file may only read.", visitor) }
        guard isMeant(call, by: visitor) else { return forbid("Use the form on the page.", visitor) }
        do {
            let form = Form(call.body)
            let answer = try await body(form)
            // Other answers ask for more.
            guard answer.status < 400 else { return answer }
            var metadata: Logger.Metadata = ["action": "\(call.path)", "client": "\(call.address)"]
            for name in Self.loggedMembers {
                guard let text = form[name] else { continue }
                metadata.updateValue("\(OutsideText.plain(text, limit: 200))", forKey: name.text)
            }
            logger.notice("console: an operator acted", metadata: metadata)
            return answer
        } catch let fault as ConsoleFault {
            return failed(fault, visitor)
        } catch let fault as RemovalFault {
            return failed(ConsoleFault("\(fault).", status: 409), visitor)
        } catch {
            logger.error("console: an action failed", metadata: ["action": "\(call.path)", "error": "\(error)"])
            let isStorage = Self.storageFault(error) != nil
            let text =
                isStorage
                ? "\(Self.reason(error)) Nothing has changed." : "That could not be done. \(Self.reason(error))"
            return failed(ConsoleFault(text, status: isStorage ? 503 : 500), visitor)
        }
    }

    /// What of a form names what an operator acted on, and how. Its key is a secret.
    private static let loggedMembers: [ExactText] = [
        "session", "how", "whom", "until", "reason", "id", "company", "webhook", "upstream", "server", "state",
    ]

    /// Why the database could not do something; `nil` if that was not the storage's fault.
    private static func storageFault(_ error: any Error) -> StorageFault? {
        error as? StorageFault ?? StorageFault(error)
    }

    /// Why something could not be done: what the operator can do about the database, or where to look.
    static func reason(_ error: any Error) -> String {
        storageFault(error).map { "The database cannot be used: \($0)." } ?? "The log says why."
    }

    private func forbid(_ text: String, _ visitor: Visitor) -> ConsoleAnswer {
        failed(ConsoleFault(text, status: 403), visitor)
    }

    func failed(_ fault: ConsoleFault, _ visitor: Visitor) -> ConsoleAnswer {
        let title =
            switch fault.status {
            case 403: "Not allowed"
            case 404: "Not found"
            case 500...: "Something went wrong"
            default: "Not done"
            }
        let back: HTML =
            fault.back.map { "<p><a class=\"button\" href=\"\($0)\">Back</a></p>\n" }
            ?? "<p><a class=\"button\" href=\"\(Page.Place.overview.path)\">To the overview</a></p>\n"
        let page = Page(
            title: title,
            place: .overview,
            visitor: visitor,
            notice: .failed(fault.text),
            content: back
        )
        return .page(fault.status, page.html)
    }
}
