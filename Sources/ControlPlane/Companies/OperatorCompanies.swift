package import Basics
package import Directory
package import GatewayConfiguration
import HTTPTypes
import JOSE
package import Logging

/// The operator API about companies: makes, changes, suspends and removes those of the directory while the gateway runs.
///
/// Who calls it has been authorised. A call is answered once its change is on disk and in effect.
///
/// - `GET /companies`: `{"total", "companies", "next"}`, by id; `q` finds parts of ids and names, `limit` and `cursor` page.
/// - `POST /companies`: makes one, with a key that signs and a client secret.
/// - `GET`, `PATCH`, `DELETE /companies/{id}`.
/// - `POST /companies/{id}/secrets`, `DELETE /companies/{id}/secrets/{secret}`.
/// - `POST /companies/{id}/keys`, `DELETE /companies/{id}/keys/{key}`.
package final class OperatorCompanies: Sendable {
    let directory: Directory
    let companies: DirectoryCompanies
    let logger: Logger
    private let publication: Publication
    private let settings: @Sendable () -> Settings
    private let clock: @Sendable () -> Milliseconds
    /// Changes are made one after the other, so that what they must not share is judged with all before them.
    private let turns = CallQuota(perCompany: 1, total: 1, waiting: 1024)

    static let maxOrigins = 100
    static let maxNames = 20
    static let maxSecrets = 8
    static let maxKeys = 16

    /// - Parameters:
    ///   - settings: those in effect.
    ///   - clock: the time of day.
    package init(
        directory: Directory,
        companies: DirectoryCompanies,
        publication: Publication,
        settings: @escaping @Sendable () -> Settings,
        logger: Logger,
        clock: @escaping @Sendable () -> Milliseconds = WallClock.now
    ) {
        (self.directory, self.companies, self.publication) = (directory, companies, publication)
        (self.settings, self.logger, self.clock) = (settings, logger, clock)
    }

    var now: Milliseconds { clock() }

    /// Answers a call.
    package func answer(_ call: OperatorCall) async -> OperatorAnswer {
        do {
            return try await respond(to: call)
        } catch let fault as OperatorFault {
            return fault.answer(requestID: call.requestID)
        } catch let fault as Fault {
            return OperatorFault(fault.status.code, fault.code, fault.message).answer(requestID: call.requestID)
        } catch {
            logger.error("companies: the operator API failed", metadata: ["error": "\(error)"])
            return OperatorFault(500, "internal_error", "Something went wrong; the log says what")
                .answer(requestID: call.requestID)
        }
    }

    private func respond(to call: OperatorCall) async throws -> OperatorAnswer {
        let parts = call.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).map(String.init)
        switch (parts.count, parts.count > 1 ? ExactText(parts[1]) : "") {
        case (0, _):
            return try await choose(call, [("GET", list), ("POST", create)])
        case (1, _):
            let id = parts[0]
            return try await choose(
                call,
                [
                    ("GET", { try self.show($0, id) }), ("PATCH", { try await self.change($0, id) }),
                    ("DELETE", { try await self.remove($0, id) }),
                ]
            )
        case (2, "secrets"): return try await choose(call, [("POST", { try await self.addSecret($0, parts[0]) })])
        case (3, "secrets"):
            return try await choose(call, [("DELETE", { try await self.removeSecret($0, parts[0], parts[2]) })])
        case (2, "keys"): return try await choose(call, [("POST", { try await self.addKey($0, parts[0]) })])
        case (3, "keys"):
            return try await choose(call, [("DELETE", { try await self.removeKey($0, parts[0], parts[2]) })])
        default: throw OperatorFault.notFound
        }
    }

    private typealias Handler = (OperatorCall) async throws -> OperatorAnswer

    private func choose(
        _ call: OperatorCall,
        _ handlers: [(method: String, handle: Handler)]
    ) async throws -> OperatorAnswer {
        // HEAD is a GET whose body is not sent.
        let method = call.method.hasSameBytes(as: "HEAD") ? "GET" : call.method
        guard let chosen = handlers.first(where: { $0.method.hasSameBytes(as: method) }) else {
            let names = handlers.map(\.method).joined(separator: ", ")
            var fault = OperatorFault(405, "method_not_allowed", "Only \(names) can be used here")
            fault.allowed = names
            throw fault
        }
        return try await chosen.handle(call)
    }

    // MARK: Companies

    private func list(_ call: OperatorCall) throws -> OperatorAnswer {
        let names = ["q", "limit", "cursor"]
        let query = try FormText.members(call.query ?? [], unique: names, plusIsSpace: false, spaced: ["q"])
        if let other = query.first(where: { member in !names.contains { $0.hasSameBytes(as: member.name) } }) {
            throw OperatorFault.field(other.name, "is not known here; there are \(names.joined(separator: ", "))")
        }
        func text(_ name: String) -> String? { if case .string(let text)? = query[name] { text } else { nil } }
        let limit = text("limit").map { Int($0) ?? 0 } ?? 100
        guard (1...1000).contains(limit) else { throw OperatorFault.field("limit", "must be 1 to 1000") }
        let settings = settings()
        let claims = CompanyClaims(settings.companiesOfFile, publicURL: settings.publicURL.text)
        var all = settings.companiesOfFile.map { (id: $0.id, name: $0.name, members: CompanyJSON.members($0)) }
        all += companies.all.map { company in
            let members = CompanyJSON.members(company, isInFile: claims.hasCompany(company.id), at: now)
            return (company.id, company.name, members)
        }
        if let words = text("q").map({ $0.lowercased() }), !words.isEmpty {
            all = all.filter { $0.id.lowercased().contains(words) || $0.name.lowercased().contains(words) }
        }
        let total = all.count
        all.sort { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        if let cursor = text("cursor") {
            all = Array(all.drop { !cursor.utf8.lexicographicallyPrecedes($0.id.utf8) })
        }
        let page = all.prefix(limit)
        var next = JSONValue.null
        if all.count > limit, let last = page.last { next = .string(last.id) }
        return OperatorAnswer(
            200,
            [
                JSONMember("total", .number(Double(total))),
                JSONMember("companies", .array(page.map { .object($0.members) })),
                JSONMember("next", next),
            ]
        )
    }

    private func show(_ call: OperatorCall, _ id: String) throws -> OperatorAnswer {
        let file = settings().companiesOfFile.first { $0.id.hasSameBytes(as: id) }
        if let company = companies.company(id) {
            return OperatorAnswer(200, CompanyJSON.members(company, isInFile: file != nil, at: now))
        }
        guard let file else { throw OperatorFault.notFound }
        return OperatorAnswer(200, CompanyJSON.members(file))
    }

    private func create(_ call: OperatorCall) async throws -> OperatorAnswer {
        let now = now
        var body = try OperatorBody(call.body, ["id"] + Self.changeable)
        let id = body.required("id", body.text("id", CompanyText.readID)) ?? ""
        var company = StoredCompany(id: id, name: id, createdAt: now)
        Self.read(&body, into: &company)
        try body.finish()
        let secret = Self.makeSecret()
        company.secrets = [
            CompanySecret(id: Self.makeID(), form: .clientSecret, content: Array(secret.utf8), createdAt: now),
            try Self.makeKey(.hs256, id: Self.makeID(), at: now),
        ]
        let made = company
        try await inTurn {
            try self.judge(made, among: self.others(than: id))
            do {
                try await self.directory.create(made)
            } catch CompanyFault.exists {
                throw OperatorFault(409, "company_exists", "There is a company with this id")
            } catch CompanyFault.wasRemoved {
                let message = "A company with this id was removed, and its data is still kept"
                throw OperatorFault(409, "company_removed", message)
            } catch CompanyFault.tooMany {
                throw OperatorFault(409, "too_many_companies", "There are \(StoredCompany.maxCount) companies already")
            }
        }
        await tell("made", of: id)
        return OperatorAnswer(
            201,
            CompanyJSON.members(made, isInFile: false, at: now) + [JSONMember("clientSecret", .string(secret))]
        )
    }

    private func change(_ call: OperatorCall, _ id: String) async throws -> OperatorAnswer {
        let now = now
        var body = try OperatorBody(call.body, Self.changeable + ["suspended"])
        var probe = StoredCompany(id: id, name: id, createdAt: now)
        Self.read(&body, into: &probe)
        let suspends = body.bool("suspended")
        try body.finish()
        let input = body
        let changed = try await update(id) { company in
            var body = input
            Self.read(&body, into: &company)
            if let suspends { company.suspendedAt = suspends ? company.suspendedAt ?? now : nil }
        }
        await tell(suspends.map { $0 ? "suspended" : "resumed" } ?? "changed", of: id)
        return OperatorAnswer(200, CompanyJSON.members(changed, isInFile: false, at: now))
    }

    /// The members that ``read(_:into:)`` reads.
    private static let changeable = ["name", "embedOrigins", "issuers", "audiences", "page"]

    private static func read(_ body: inout OperatorBody, into company: inout StoredCompany) {
        if let name = body.text("name", CompanyText.readName) { company.name = name }
        if let origins = body.texts("embedOrigins", atMost: maxOrigins, CompanyText.readOrigin) {
            company.embedOrigins = origins
        }
        if let issuers = body.texts("issuers", atMost: maxNames, CompanyText.readName) { company.issuers = issuers }
        if let names = body.texts("audiences", atMost: maxNames, CompanyText.readName) { company.audiences = names }
        readPage(&body, into: &company)
    }

    /// Reads what pages show of the company. What is not there stays as it is, and null takes it away.
    private static func readPage(_ body: inout OperatorBody, into company: inout StoredCompany) {
        var page = body.isNull("page") ? CompanyPage() : CompanyPage(company.page)
        body.object("page", CompanyPage.Key.allCases.map(\.rawValue)) { members in
            for key in CompanyPage.Key.allCases {
                if members.isNull(key.rawValue) { try? page.set(key, nil) }
                _ = members.text(key.rawValue) { text throws(ValueFault) in
                    try page.set(key, text)
                    return text
                }
            }
        }
        company.page = page.members
    }

    private func remove(_ call: OperatorCall, _ id: String) async throws -> OperatorAnswer {
        // The file's company has the same events.
        let keepsData = isInFile(id)
        try await inTurn {
            guard try await self.directory.removeCompany(id, keepsData: keepsData) else {
                throw self.isInFile(id) ? Self.inFile : .notFound
            }
        }
        await tell("removed", of: id)
        if !keepsData { try await directory.removeData(ofCompany: id) }
        return OperatorAnswer(204)
    }

    // MARK: Changes

    /// Changes a company, unless it would then clash with another.
    func update(
        _ id: String,
        _ change: @escaping @Sendable (inout StoredCompany) throws -> Void
    ) async throws -> StoredCompany {
        let now = now
        return try await inTurn {
            if self.isInFile(id) { throw Self.inFile }
            // Here, and not while the database can be written by nobody else: there may be thousands.
            let others = self.others(than: id)
            let changed = try await self.directory.changeCompany(id) { company in
                company.secrets.removeAll { !$0.isGood(at: now) }
                try change(&company)
                try self.judge(company, among: others)
            }
            guard let changed else { throw OperatorFault.notFound }
            return changed
        }
    }

    /// What all companies but one claim.
    private func others(than id: String) -> CompanyClaims {
        let settings = settings()
        let stored = companies.settings(at: now).filter { !$0.id.hasSameBytes(as: id) }
        return CompanyClaims(settings.companiesOfFile + stored, publicURL: settings.publicURL.text)
    }

    /// Judges a company that is about to be stored.
    private func judge(_ company: StoredCompany, among others: CompanyClaims) throws {
        if isInFile(company.id) { throw Self.inFile }
        let new: CompanySettings
        do {
            new = try CompanySettings(company, at: now)
        } catch {
            throw OperatorFault.field("key", "\(error)")
        }
        do throws(CompanyClash) {
            try others.check(new, secrets: company.secrets.flatMap(\.otherForms))
        } catch {
            throw OperatorFault.field(error.member, error.reason)
        }
    }

    private func inTurn<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let turn = try await turns.enter("")
        defer { turn.leave() }
        return try await body()
    }

    /// Logs what was done, and waits until it is in effect.
    func tell(_ what: String, of id: String, _ metadata: Logger.Metadata = [:]) async {
        logger.notice("company \(id): \(what) by an operator", metadata: metadata)
        await publication.settle()
    }

    private func isInFile(_ id: String) -> Bool {
        settings().companiesOfFile.contains { $0.id.hasSameBytes(as: id) }
    }

    private static let inFile = OperatorFault(
        409,
        "company_in_file",
        "The configuration's file names this company: change it there"
    )
}

extension CompanySecret {
    /// The keys that this secret would be under other algorithms: a holder of it can sign with each of them.
    fileprivate var otherForms: [Key] {
        guard form == .secret else { return [] }
        return [Algorithm.hs256, .hs384, .hs512].compactMap { try? Key.secret(content, algorithm: $0, id: id) }
    }
}
