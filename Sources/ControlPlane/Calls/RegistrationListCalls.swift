import Admission
import Basics
import Directory
import HTTPTypes

/// The calls about many registrations of an event: lists them, and registers several people at once.
struct RegistrationListCalls {
    let kind: EventKind

    var calls: [Call] { [list, register] }

    private var path: String { "\(kind.path)/{id}/registrants" }

    private var list: Call {
        Call(
            method: .get,
            path: path,
            id: "list\(kind.operationNoun)Registrants",
            summary: "The registrations, in the order of their creation",
            tag: kind.tag,
            query: [
                Call.Parameter(
                    name: "email",
                    schema: CommonSchemas.storedEmail,
                    description: "Only the one with this e-mail, however it is written."
                ),
                PageRequest.searchParameter("Only those whose name or e-mail contains this text."),
                Call.Parameter(
                    name: "state",
                    schema: .choice(RegistrationState.allCases.map(\.rawValue)),
                    description: "`active` by default; `removed` has those that were deleted and are still kept."
                ),
                RegistrationJSON.include, PageRequest.limitParameter, PageRequest.cursorParameter(digits: 15),
            ],
            success: Call.Success(
                schema: .list(RegistrationJSON.shown),
                description: "The list, or a page of it",
                isPage: true
            ),
            faults: [404],
            cost: .pageOrAll,
            handler: .company { [kind] incoming, tenant in
                try await Self.answer(kind, incoming, tenant)
            }
        )
    }

    private static func answer(_ kind: EventKind, _ incoming: Incoming, _ tenant: Tenant) async throws -> Answer {
        let (uid, page, directory) = (try incoming.eventID(), PageRequest(incoming), incoming.directory)
        let after = page.cursor.flatMap { Int64($0, radix: 16) }
        var filter = RegistrationFilter()
        filter.email = incoming.query.text("email")
        filter.text = incoming.query.text("q")
        if let state = incoming.query.text("state").flatMap(RegistrationState.init(rawValue:)) { filter.state = state }
        guard let limit = page.limit else {
            let found = try await directory.registrationRows(of: uid, kind, company: tenant.id, filter, after: after)
            guard let (event, rows) = found else { throw Fault.notFound }
            return try await PageRequest.answer(rows) { [state = filter.state] ids in
                try await directory.registrations(inRows: ids, state).map {
                    try RegistrationJSON.shownValue($0, event, incoming, tenant)
                }
            }
        }
        let shown = try await directory.registrations(
            of: uid,
            kind,
            company: tenant.id,
            filter,
            limit: limit,
            after: after
        )
        guard let shown else { throw Fault.notFound }
        return page.answer(
            try shown.registrations.map { try RegistrationJSON.shownValue($0, shown.event, incoming, tenant) },
            total: shown.total,
            next: shown.next.map { String(Hexadecimal.text(UInt64(bitPattern: $0)).dropFirst()) }
        )
    }

    // MARK: Many at once

    /// The most people that one call registers.
    private static let maxPeople = 1000

    private static let person = Schema.named(
        "ListedNewRegistration",
        .input(RegistrationInput.members(email: .email))
    )

    private var register: Call {
        Call(
            method: .post,
            path: path,
            id: "bulkRegister\(kind.operationNoun)",
            summary: """
                Registers several people, in their order. Each has an answer of its own with a status; with `atomic`, \
                all are registered or nobody
                """,
            tag: kind.tag,
            query: [
                Call.Parameter(
                    name: "atomic",
                    schema: .boolean,
                    description: """
                        If true, nobody is registered if one cannot be: the answer is 400 or 409, and its problems name \
                        people by their index, such as `[2].email`.
                        """
                )
            ],
            body: .list(Self.person, upTo: Self.maxPeople),
            maxBody: 1 << 20,
            success: Call.Success(
                schema: .named("BulkRegistration", .list(RegistrationOutcomeJSON.schema, upTo: Self.maxPeople)),
                description: "An answer for each person, in the same order"
            ),
            faults: [404, 409],
            conflicts: [.alreadyRegistered(at: [2]), .eventOver, .registrationExpired],
            makesLinks: true,
            cost: .much,
            handler: .company { [kind] incoming, tenant in
                let uid = try incoming.eventID()
                guard try await incoming.directory.event(uid, kind, company: tenant.id) != nil else {
                    throw Fault.notFound
                }
                var people: [Result<NewRegistration, Fault>] = []
                for element in incoming.elements {
                    people.append(try await Self.judge(element, kind, incoming, uid, tenant))
                }
                let isAtomic = incoming.query.bool("atomic") ?? false
                if isAtomic { try Self.checkAll(people) }
                let outcome = try await incoming.directory.register(
                    people.compactMap { try? $0.get() },
                    for: uid,
                    kind,
                    company: tenant.id,
                    isAtomic: isAtomic
                )
                switch outcome {
                case .noEvent: throw Fault.notFound
                case .known(let indexes): throw Fault.alreadyRegistered(at: indexes)
                case .done(let outcomes):
                    return Answer(.array(try Self.answers(people, outcomes, incoming, tenant)))
                }
            }
        )
    }

    private static func judge(
        _ element: JSONValue,
        _ kind: EventKind,
        _ incoming: Incoming,
        _ uid: String,
        _ tenant: Tenant
    ) async throws -> Result<NewRegistration, Fault> {
        var problems = Problems()
        person.check(element, "", &problems)
        guard case .object(let members) = element, problems.all.isEmpty else {
            return .failure(.fields(problems.all))
        }
        do {
            let person = try RegistrationInput.person(Members(members), incoming, uid, tenant)
            try await OpenLink.check(person, kind, uid, incoming, tenant)
            return .success(person)
        } catch let fault as Fault {
            return .failure(fault)
        }
    }

    /// Throws the problems of everybody, if there are any. Whatever is wrong with the body comes before what is in the way.
    private static func checkAll(_ people: [Result<NewRegistration, Fault>]) throws(Fault) {
        var problems = Problems()
        var conflict: Fault?
        for (index, person) in people.enumerated() where !problems.isFull {
            guard case .failure(let fault) = person else { continue }
            if fault.problems.isEmpty { conflict = conflict ?? fault }
            for problem in fault.problems {
                problems.add("[\(index)]\(problem.field.isEmpty ? "" : ".")\(problem.field)", problem.message)
            }
        }
        try problems.check()
        if let conflict { throw conflict }
    }

    private static func answers(
        _ people: [Result<NewRegistration, Fault>],
        _ outcomes: [RegistrationOutcome],
        _ incoming: Incoming,
        _ tenant: Tenant
    ) throws -> [JSONValue] {
        var outcomes = outcomes[...]
        return try people.map { person in
            switch person {
            case .failure(let fault): return RegistrationOutcomeJSON.value(fault)
            case .success(let person):
                switch outcomes.popFirst() {
                case .registered(let registration, let event):
                    return RegistrationOutcomeJSON.value(
                        try RegistrationJSON.value(registration, event, incoming, tenant)
                    )
                case .known(let registration, let event, let changed) where person.changesKnown:
                    return RegistrationOutcomeJSON.value(
                        try RegistrationJSON.value(registration, event, incoming, tenant, changed: changed)
                    )
                case .known(let registration, _, _):
                    return RegistrationOutcomeJSON.value(.alreadyRegistered(registration.uid))
                case .noEvent, nil: return RegistrationOutcomeJSON.value(.notFound)
                }
            }
        }
    }
}

/// What became of one of several people to register.
private enum RegistrationOutcomeJSON {
    static let schema = Schema.named(
        "RegistrationOutcome",
        .object([
            Schema.Member(
                name: "status",
                schema: .integer(200...599),
                isRequired: true,
                description: "The status that registering this person alone would have had."
            ),
            Schema.Member(name: "registration", schema: RegistrationJSON.schema, description: "For status 200."),
            Schema.Member(name: "hasError", schema: .boolean, description: "`true` for every other status."),
            Schema.Member(name: "errorMessage", schema: .anyText, description: "For people."),
            Schema.Member(name: "code", schema: .anyText, description: "For programs."),
            CommonSchemas.registrationInTheWay, CommonSchemas.problems,
        ])
    )

    static func value(_ registration: JSONValue) -> JSONValue {
        .object([JSONMember("status", .number(200)), JSONMember("registration", registration)])
    }

    static func value(_ fault: Fault) -> JSONValue {
        .object([JSONMember("status", .number(Double(fault.status.code)))] + fault.members)
    }
}
