import Admission
import Basics
import Directory
import HTTPTypes
import Hummingbird
import Logging

/// Takes a request through path, method, token, query and body to its call.
extension ControlPlane {
    private static let requestIDField = HTTPField.Name("X-Request-Id")!

    func answer(_ head: HTTPRequest, _ body: RequestBody) async -> Answer {
        let snapshot = snapshot
        let requestID = RequestName.read(head.headerFields[Self.requestIDField])
        let origin = head.headerFields[.origin]
        var tenant: Tenant?
        var answer: Answer
        do {
            answer = try await respond(to: head, body, snapshot, tenant: &tenant)
        } catch let fault as Fault {
            answer = fault.answer(requestID: requestID)
        } catch {
            answer = fault(for: error, head, requestID).answer(requestID: requestID)
        }
        CrossOrigin.mark(&answer, origin: origin, snapshot.origins(for: tenant))
        answer.fields[Self.requestIDField] = requestID
        answer.fields[.xContentTypeOptions] = "nosniff"
        if answer.fields[.cacheControl] == nil { answer.fields[.cacheControl] = "no-store" }
        return answer
    }

    /// The fault of a call that failed through no fault of the caller's.
    private func fault(for error: any Error, _ head: HTTPRequest, _ requestID: String) -> Fault {
        if error is RemovedCompany { return .unauthorized(isTokenWrong: true) }
        if error is AttendanceIsBehind { return .attendanceIsBehind }
        let fault = StorageFault(error)
        // Of this one the operator knows already.
        if fault == nil || fault != directory.storageFault {
            logger.error(
                "the control API failed",
                metadata: [
                    "request_id": "\(requestID)", "method": "\(head.method)",
                    "error": "\(fault.map { "control.database: \($0)" } ?? "\(error)")",
                ]
            )
        }
        return switch fault {
        case nil, .damaged: .inner
        case .locked, .unreachable, .standby: .unstored(retryAfter: 2)
        case .full, .failing, .readOnly, .unopenable, .denied, .taken, .emptied: .unstored(retryAfter: 30)
        }
    }

    private func respond(
        to head: HTTPRequest,
        _ body: RequestBody,
        _ snapshot: Snapshot,
        tenant: inout Tenant?
    ) async throws -> Answer {
        let target = head.path ?? "/"
        let parts = target.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        // Answer for every path, so that a page can read the answer even if its path does not exist.
        if CrossOrigin.isPreflight(head), let origin = head.headerFields[.origin] {
            return CrossOrigin.preflight(origin, snapshot.origins(for: nil))
        }
        guard let match = snapshot.served.table.match(Substring(parts[0])) else {
            throw Fault.noSuchCall(near: snapshot.served.table.nearest(to: Substring(parts[0])))
        }
        guard let call = match.call(head.method) else { throw Fault.method(allowed: match.methods) }
        if call.needsToken {
            do throws(Fault) {
                tenant = try AccessToken.tenant(of: head.headerFields, snapshot, now: now)
            } catch {
                guard error.isGuess else { throw error }
                throw failedAttempts.answer(to: error, head.headerFields, snapshot, now: uptime, logger)
            }
            if tenant?.isSuspended ?? false { throw Fault.suspended }
        }
        let incoming = Incoming(
            plane: self,
            snapshot: snapshot,
            head: head,
            parameters: match.parameters,
            query: try Self.query(parts.count == 2 ? Array(parts[1]) : [], of: call)
        )
        guard let tenant else {
            do {
                return try await perform(call, try await read(call, incoming, body), nil)
            } catch var fault as Fault where call.hasOAuthFaults {
                fault = failedAttempts.answer(to: fault, head.headerFields, snapshot, now: uptime, logger)
                fault.oauthError = fault.code
                throw fault
            }
        }
        let place = try await calls.enter(tenant.id)
        var answer = try await inTurn(call, incoming, body, tenant, place)
        let isReading = call.method == .get || call.method == .head
        try place.hold(answer.weight, isDone: !isReading)
        answer.place = place
        return answer
    }

    /// Performs a company's call when its turn comes, among the calls that cost more than others.
    private func inTurn(
        _ call: Call,
        _ incoming: Incoming,
        _ body: RequestBody,
        _ tenant: Tenant,
        _ place: CallQuota.Place
    ) async throws -> Answer {
        let quota: CallQuota
        switch call.cost {
        case .little: return try await performStill(call, try await read(call, incoming, body))
        case .list: quota = lists
        case .pageOrAll: quota = incoming.query.has("limit") && !incoming.query.has("q") ? lists : heavyCalls
        case .much: quota = heavyCalls
        }
        // Read the body first: a client that sends it slowly holds up no call of another kind.
        let large = call.hasLargeBody ? LargeBody(largeBodies, company: tenant.id) : nil
        defer { large?.leave() }
        let incoming = try await read(call, incoming, body, large)
        let turn = try await quota.enter(tenant.id)
        // Give the turn back before the answer is written: others wait only for the database.
        defer { turn.leave() }
        // Check again: many answers may have been made while it waited.
        try place.checkRoom()
        return try await performStill(call, incoming)
    }

    /// The request with its body, checked.
    ///
    /// - Parameter large: makes room for a body beyond ``Call/usualBody``.
    private func read(
        _ call: Call,
        _ incoming: Incoming,
        _ body: RequestBody,
        _ large: LargeBody? = nil
    ) async throws -> Incoming {
        var incoming = incoming
        if let schema = call.body {
            let value = try await BodyReader.value(
                of: body,
                incoming.head.headerFields,
                takesForms: call.takesForms,
                maxSize: call.maxBody,
                large: large,
                names: schema.memberNames
            )
            var problems = Problems()
            if case .list(_, _, let limit) = schema {
                guard case .array(let elements) = value else { throw Fault.malformed("The body must be a JSON array") }
                if let limit, elements.count > limit {
                    throw Fault.malformed("The body has more than \(limit) entries")
                }
                incoming.elements = elements
            } else {
                guard case .object(let members) = value else {
                    throw Fault.malformed("The body must be a JSON object")
                }
                try call.inspect?(members)
                incoming.body = Members(members)
                schema.check(value, "", &problems)
                call.judge?(incoming.body, &problems)
            }
            try problems.check()
        } else if call.method != .get {
            try await BodyReader.checkAbsence(of: body, incoming.head.headerFields)
        }
        return incoming
    }

    /// Performs a company's call if it still may be made: while its body came or it waited, its token's secret may have been
    /// revoked, or its company suspended or removed.
    private func performStill(_ call: Call, _ incoming: Incoming) async throws -> Answer {
        var incoming = incoming
        incoming.snapshot = snapshot
        let tenant = try AccessToken.tenant(of: incoming.head.headerFields, incoming.snapshot, now: now)
        if tenant.isSuspended { throw Fault.suspended }
        if tenant.company.signingKey == nil, call.makesLinks || incoming.query.has(RegistrationJSON.include.name) {
            throw Fault.noSigningKey
        }
        return try await perform(call, incoming, tenant)
    }

    private func perform(_ call: Call, _ incoming: Incoming, _ tenant: Tenant?) async throws -> Answer {
        switch call.handler {
        case .open(let handle): return try await handle(incoming)
        case .company(let handle):
            guard let tenant else { throw Fault.unauthorized(isTokenWrong: false) }
            guard call.mayBeNamed, let key = try IdempotencyKey(incoming.head.headerFields) else {
                return try await handle(incoming, tenant)
            }
            return try await once(key, incoming, tenant, hasLargeBody: call.hasLargeBody) {
                try await handle(incoming, tenant)
            }
        }
    }

    /// The parameters of a query, checked.
    private static func query(_ text: [UInt8], of call: Call) throws(Fault) -> Members {
        // Whoever may ask without a token need not be told: RFC 6749 section 3.2 has unknown ones ignored.
        guard call.needsToken || !call.query.isEmpty else { return Members() }
        let known = call.query.map(\.name)
        let spaced = call.query.filter(\.isFreeText).map(\.name)
        let given = try FormText.members(text, unique: known, plusIsSpace: false, spaced: spaced)
        var members: [JSONMember] = []
        var problems = Problems()
        for parameter in call.query {
            guard case .string(let text)? = given[parameter.name] else {
                if parameter.isRequired { problems.add(parameter.name, "is required") }
                continue
            }
            let value = value(text, of: parameter)
            parameter.schema.check(value, parameter.name, &problems)
            members.append(JSONMember(parameter.name, value))
        }
        problems.addUnknown(of: given, "parameter", known: known)
        try problems.check()
        return Members(members)
    }

    /// A parameter's text as a value of its schema's kind, if it is one.
    private static func value(_ text: String, of parameter: Call.Parameter) -> JSONValue {
        switch parameter.schema {
        case .integer:
            guard let number = Int(text), text.utf8.count <= 15 else { return .string(text) }
            return .number(Double(number))
        case .boolean where text.hasSameBytes(as: "true"): return .bool(true)
        case .boolean where text.hasSameBytes(as: "false"): return .bool(false)
        case .text(let rule):
            // A timestamp contains no space, so this was a plus that the client encoded as in a form.
            switch rule.kind {
            case .moment, .momentOrDay: return .string(withPluses(text))
            default: return .string(text)
            }
        default: return .string(text)
        }
    }

    private static func withPluses(_ text: String) -> String {
        String(decoding: text.utf8.map { $0 == UInt8(ascii: " ") ? UInt8(ascii: "+") : $0 }, as: UTF8.self)
    }
}

/// A request's id in answers and in the log.
enum RequestName {
    /// Uses the id given by the data plane, or makes one.
    static func read(_ given: String?) -> String {
        if let given, (1...128).contains(given.utf8.count), given.utf8.allSatisfy(isAllowed) { return given }
        return Hexadecimal.text(SystemRandom.word()) + Hexadecimal.text(SystemRandom.word())
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        byte.isLetterOrDigit || "-_.:".utf8.contains(byte)
    }
}
