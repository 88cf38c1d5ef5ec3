import Admission
import Basics
import Directory
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Analytics report who was there, as JSON and as a table")
struct AttendanceTests {
    private func viewer(_ event: String, _ user: String, name: String, email: String, registration: String? = nil)
        -> Viewer
    {
        Viewer(
            kind: registration == nil ? .embed : .registration,
            company: "acme",
            event: event,
            eventSpecific: true,
            userID: user,
            name: name,
            email: email,
            registration: registration,
            validity: Validity(expires: Service.start / 1000 + 86_400, notBefore: nil, issuedAt: nil)
        )
    }

    /// An event with a user who was there for a minute and a third, and a registration who is still there.
    private func event(_ service: Service) async throws -> String {
        service.admission.sessions.keepChanges()
        let uid = try await service.makeEvent()
        let body = object(["name": "=cmd()", "email": "r@example.com", "metadata": object(["a": "b,\"c\""])])
        let reply = try await service.call(.post, "/event/\(uid)/registrant", body)
        let url = try required(reply["joinUrl"]?.text)
        let token = Array(try required(url.split(separator: "?token=").last).utf8)
        let registration = try Token(parsing: token.span, maxSize: 8192).claims.string("registrationId")
        _ = try service.join(viewer(uid, "+u1", name: "Ann \"A\"", email: "ann@example.com"), event: uid)
        service.now += 60_000
        _ = try service.join(
            viewer(uid, registration ?? "", name: "=cmd()", email: "r@example.com", registration: registration),
            event: uid
        )
        service.now += 20_004
        let changes = service.admission.sessions.takeChanges()
        try await service.directory.record(changes)
        guard case .arrived(let session)? = changes.first else { throw Unexpected(what: "\(changes)") }
        try await service.directory.record([.departed(session, .left, at: service.now)])
        return uid
    }

    @Test("JSON")
    func json() async throws {
        let service = try Service()
        let uid = try await event(service)
        let reply = try await service.call(.get, "/event/\(uid)/analytics")
        #expect(reply.status == 200)
        #expect(reply.fields[.contentType] == "application/json")
        #expect(reply["eventId"] == .string(uid))
        #expect(reply["eventName"] == "Launch")
        #expect(reply["registered"] == 1)
        #expect(reply["attended"] == 2)
        #expect(reply["peakConcurrent"] == 2)
        #expect(reply["totalMinutes"] == .number(1.67))
        #expect(reply["averageMinutes"] == .number(0.83))
        let minutes = [Service.start, Service.start + 60_000].map { JSONValue.string(Timestamp.text($0)) }
        #expect(reply["concurrency"] == [[minutes[0], 1], [minutes[1], 2]])
        let people = reply["participants"]?.list ?? []
        #expect(people.map { $0["userId"] } == ["+u1", nil])
        #expect(people.map { $0["minutes"] } == [.number(1.33), .number(0.33)])
        #expect(people.map { $0["lastLeave"] == .null } == [false, true])
        #expect(people.last?["metadata"] == object(["a": "b,\"c\""]))
        #expect(people.last?["registrationId"]?.text != nil)
    }

    @Test("The table follows RFC 4180, and no spreadsheet takes its cells for formulas")
    func csv() async throws {
        let service = try Service()
        let uid = try await event(service)
        let reply = try await service.call(.get, "/event/\(uid)/analytics", nil, [.accept: "text/csv"])
        #expect(reply.fields[.contentType] == "text/csv; charset=utf-8; header=present")
        #expect(reply.fields[values: .vary].joined().contains("Accept"))
        let lines = reply.text.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4)
        #expect(
            lines.first == "userId,registrationId,name,email,role,metadata,firstJoin,lastLeave,minutes,joins,replaced"
        )
        #expect(
            lines[1]
                == "'+u1,,\"Ann \"\"A\"\"\",ann@example.com,attendee,,2027-01-15T08:00:00.000Z,2027-01-15T08:01:20.004Z,1.33,1,0"
        )
        #expect(
            lines[2].contains(
                ",'=cmd(),r@example.com,attendee,\"{\"\"a\"\":\"\"b,\\\"\"c\\\"\"\"\"}\",2027-01-15T08:01:00.000Z,,0.33,1,0"
            )
        )
        #expect(lines[3].isEmpty)
    }

    @Test(
        "A client gets JSON unless it accepts only a table",
        arguments: ["", "*/*", "application/json, text/csv"]
    )
    func accept(accept: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let reply = try await service.call(
            .get,
            "/event/\(uid)/analytics",
            nil,
            accept.isEmpty ? [:] : [.accept: accept]
        )
        #expect(reply.fields[.contentType] == "application/json")
    }

    @Test("A report of a part of the time has those who were there then, and their minutes within it")
    func span() async throws {
        let service = try Service()
        let uid = try await event(service)
        func report(_ from: Milliseconds?, _ to: Milliseconds?) async throws -> Reply {
            let query = [("from", from), ("to", to)].compactMap { name, moment in
                moment.map { "\(name)=\(Timestamp.text(Service.start + $0))" }
            }
            return try await service.call(.get, "/event/\(uid)/analytics?\(query.joined(separator: "&"))")
        }
        // The user was there for 80 seconds, the registered person from the second minute on.
        let first = try await report(nil, 60_000)
        #expect(first["attended"] == 1 && first["peakConcurrent"] == 1 && first["totalMinutes"] == 1)
        #expect(first["participants"]?.list.map { $0["userId"] } == ["+u1"])
        // Of the minutes that it begins and ends in, all counts.
        let last = try await report(75_000, nil)
        #expect(last["attended"] == 2 && last["peakConcurrent"] == 2 && last["totalMinutes"] == .number(0.67))
        let later = try await report(120_000, 130_000)
        #expect(later["attended"] == 1 && later["totalMinutes"] == 0 && later["registered"] == 1)
        let wrong = try await report(60_000, 60_000)
        #expect(wrong.status == 400 && wrong["errorMessage"] == "to: must be after from")
        #expect(try await service.call(.get, "/event/\(uid)/analytics?until=x").status == 400)
    }

    @Test("A company's report has its own events' figures, the same as each event's, in pages, by date and by kind")
    func company() async throws {
        let service = try Service()
        let uid = try await event(service)
        let other = try await service.makeEvent([
            "name": "Later", "startDate": "2028-01-01T00:00:00Z", "endDate": "2028-01-01T01:00:00Z",
        ])
        let hub = try await service.makeEvent(hub: true)
        let foreign = try await service.call(.post, "/event/create", newEvent(["companyId": "globex"]), as: "globex")
        let own = try await service.call(.get, "/event/\(uid)/analytics")
        let first = try await service.call(.get, "/company/acme/analytics?limit=1")
        #expect(first.fields[.totalCount] == "2" && first.json.list.count == 1)
        let names = [
            "eventId", "eventName", "startDate", "endDate", "registered", "attended", "peakConcurrent", "totalMinutes",
            "averageMinutes",
        ]
        for name in names { #expect(first.json.list[0][name] == own[name], "\(name)") }
        let next = try required(first.fields[.link]?.split(separator: ">").first?.dropFirst("</api/v1".count))
        let second = try await service.call(.get, String(next))
        #expect(second.json.list.map { $0["eventId"] } == [.string(other)] && second.fields[.link] == nil)
        #expect(second.json.list.map { $0["attended"] } == [0])
        func ids(_ query: String, as company: String = "acme") async throws -> [String?] {
            try await service.call(.get, "/company/\(company)/analytics\(query)", as: company).json.list
                .map { $0["eventId"]?.text }
        }
        #expect(try await ids("?from=2027-12-31T00:00:00Z") == [other])
        #expect(try await ids("?to=2027-12-31T00:00:00Z") == [uid])
        #expect(try await ids("?from=2027-12-31") == [other])
        #expect(try await ids("?to=2027-12-31") == [uid])
        #expect(try await service.call(.get, "/company/acme/analytics?from=2027-12-31&to=2027-12-30").status == 400)
        #expect(try await ids("?kind=networking") == [hub])
        let table = try await service.call(.get, "/company/acme/analytics?limit=1", nil, [.accept: "text/csv"])
        let lines = table.text.split(separator: "\r\n").map { $0.split(separator: ",").map(String.init) }
        #expect(lines.count == 2 && lines[0] == names && table.fields[.totalCount] == "2")
        #expect(lines[1][0] == uid && lines[1][5] == "\(Int(own["attended"]?.number ?? -1))")
        #expect(table.fields[.contentType]?.hasPrefix("text/csv") == true && table.fields[.link] != nil)
        #expect(try await ids("", as: "globex") == [foreign["uid"]?.text])
        #expect(try await service.call(.get, "/company/acme/analytics?cursor=x").status == 400)
    }

    @Test("Participants come in pages, each with the whole figures; the table has all of them, or a page too")
    func pages() async throws {
        let service = try Service()
        service.admission.sessions.keepChanges()
        let uid = try await service.makeEvent()
        for number in 0..<5 {
            _ = try service.join(viewer(uid, "u\(number)", name: "N", email: "u\(number)@example.com"), event: uid)
            service.now += 1
        }
        try await service.directory.record(service.admission.sessions.takeChanges())
        var (next, pages): (String?, [[String?]]) = ("/event/\(uid)/analytics?limit=2", [])
        while let path = next, pages.count < 9 {
            let reply = try await service.call(.get, path)
            #expect(reply["attended"] == 5 && reply["peakConcurrent"] == 5 && reply.fields[.totalCount] == "5")
            pages.append((reply["participants"]?.list ?? []).map { $0["userId"]?.text })
            next = reply.fields[.link]?.split(separator: ">").first.map { String($0.dropFirst("</api/v1".count)) }
        }
        #expect(pages == [["u0", "u1"], ["u2", "u3"], ["u4"]])
        let whole = try await service.call(.get, "/event/\(uid)/analytics")
        #expect(whole["participants"]?.list.count == 5 && whole.fields[.link] == nil)
        for (query, lines) in [("", 6), ("?limit=2", 3)] {
            let table = try await service.call(.get, "/event/\(uid)/analytics\(query)", nil, [.accept: "text/csv"])
            #expect(table.text.split(separator: "\r\n").count == lines && table.fields[.totalCount] == "5")
            #expect((table.fields[.link] == nil) == query.isEmpty)
        }
        #expect(try await service.call(.get, "/event/\(uid)/analytics?limit=1001").status == 400)
    }

    @Test(
        "A cell is guarded if a spreadsheet may take it, or a part of it, for a formula",
        arguments: [
            ("=1", true), ("\n=1", true), ("\t=1", true), (" =1", true), ("\u{FEFF}=1", true), ("\u{FF1D}1+1", true),
            ("\u{FF20}SUM", true), ("a;=HYPERLINK(\"http://e\")", true), ("a\t@x", true), ("a; +1", true), ("-1", true),
            ("Ada", false), ("a=b", false), ("a-b@x.example", false), ("a, =b", false), ("", false),
        ]
    )
    func formulas(cell: String, isFormula: Bool) {
        #expect(Table.mayBeFormula(cell) == isFormula)
    }
}
