import Admission
import Basics
import GatewayConfiguration
import JOSE

/// Removals in the operator API: who was removed from which event.
extension Exchange {
    /// - `GET /removals`: `{"total": n, "removals": […]}`, of one `company` or `event`, or all.
    /// - `POST /removals`: removes someone from `event` by `user`, `email` or `registration`, for good or `until` a
    ///   date and time, with a `reason`. `company` may be left out if it is unambiguous.
    /// - `DELETE /removals?id=…`: lifts one.
    ///
    /// All except the last answer with `kept`: `database`, or `memory`, which a restart forgets.
    func serveRemovals(_ request: RequestView) {
        guard isOperator(request),
            allows(method == .get || method == .head || method == .post || method == .delete, "GET, HEAD, POST, DELETE")
        else { return }
        let names: [ExactText] =
            switch method {
            case .post: ["company", "event", "user", "email", "registration", "until", "reason"]
            case .delete: ["id"]
            default: ["company", "event"]
            }
        guard let members = operatorMembers(request.query, named: Set(names)) else {
            let list = names.map(\.text).joined(separator: ", ")
            respond(status: 400, detail: "Use members of the query of these names, once each, and not blank: \(list).")
            return
        }
        let (site, method) = (worker.site, method)
        answer {
            do {
                switch method {
                case .post:
                    let removal = try await Self.remove(members, site)
                    return .success(.object(removal.operatorMembers + [site.removals.place.member]))
                case .delete: return try await Self.lift(members["id"], site)
                default:
                    let all = try await site.removals.removals(company: members["company"], event: members["event"])
                    return .success(
                        .object([
                            JSONMember("total", .number(Double(all.count))),
                            JSONMember("removals", .array(all.map { .object($0.operatorMembers) })),
                            site.removals.place.member,
                        ])
                    )
                }
            } catch let fault as OperatorFault {
                return .failure(fault)
            } catch let fault as RemovalFault {
                return .failure(OperatorFault(status: 409, detail: "Lift some: \(fault)."))
            } catch {
                return .failure(OperatorFault(status: 500))
            }
        }
    }

    private static func lift(_ id: String?, _ site: Site) async throws -> Result<JSONValue, OperatorFault> {
        guard let id else { throw OperatorFault(status: 400, detail: "Say which: id.") }
        guard let removal = try await site.removals.lift(id.lowercased(), company: nil, event: nil) else {
            throw OperatorFault(status: 404, detail: "There is no such removal.")
        }
        Intervention(way: .admin, logger: site.logger).lifted(removal)
        return .success(.object([JSONMember("id", .string(id.lowercased()))]))
    }

    private static func remove(_ members: [ExactText: String], _ site: Site) async throws -> Removal {
        let people = RemovedPerson.Kind.allCases.compactMap { kind in
            members[ExactText(kind.rawValue)].map { RemovedPerson(kind, $0) }
        }
        guard let event = members["event"] else { throw OperatorFault(status: 400, detail: "Say from which event.") }
        guard people.count == 1, let person = people.first else {
            throw OperatorFault(status: 400, detail: "Say whom: one of user, email and registration.")
        }
        for text in [event, person.text, members["reason"] ?? ""]
        where text.utf8.count > ClaimLimit.userID
            || text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        {
            throw OperatorFault(status: 400, detail: "Use shorter texts, without control characters.")
        }
        let until = members["until"].flatMap(RFC3339.parse)
        if members["until"] != nil, until ?? 0 <= WallClock.now() {
            throw OperatorFault(status: 400, detail: "Use a date and time in the future, such as 2030-01-31T17:00:00Z.")
        }
        let place = try place(of: event, company: members["company"], site)
        let removal = try await site.removals.remove(
            person,
            from: place.event,
            company: place.company,
            until: until,
            reason: members["reason"]
        )
        site.sendAway(removal, by: .admin)
        return removal
    }

    /// The event as the directory spells it, and its company.
    private static func place(
        of event: String,
        company: String?,
        _ site: Site
    ) throws(OperatorFault) -> (event: String, company: String) {
        let lower = event.lowercased()
        if let record = site.directory.event(lower) {
            guard company.map({ $0.hasSameBytes(as: record.company) }) ?? true else {
                throw OperatorFault(status: 404, detail: "The company has no such event.")
            }
            return (lower, record.company)
        }
        let companies = site.snapshot.settings.companies.map(\.id)
        guard let company = company ?? (companies.count == 1 ? companies[0] : nil) else {
            throw OperatorFault(status: 400, detail: "Say of which company the event is.")
        }
        guard companies.contains(where: { $0.hasSameBytes(as: company) }) else {
            throw OperatorFault(status: 404, detail: "There is no such company.")
        }
        return (event, company)
    }
}

extension RemovalPlace {
    /// The member that tells the operator.
    var member: JSONMember { JSONMember("kept", .string(rawValue)) }
}

extension Removal {
    /// The removal as the operator sees it.
    fileprivate var operatorMembers: [JSONMember] {
        [
            JSONMember("id", .string(id)), JSONMember("company", .string(company)), JSONMember("event", .string(event)),
            JSONMember(person.memberName, .string(person.text)),
            JSONMember("until", until.map { .string(Timestamp.text($0)) } ?? .null),
            JSONMember("reason", reason.map(JSONValue.string) ?? .null),
            JSONMember("removedAt", .string(Timestamp.text(createdAt))),
        ]
    }
}
