import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("An erased person is in no answer and in no file")
    struct ErasureTests {
        /// The texts that occur anywhere in the database's files.
        private func stored(_ site: Site, _ texts: [String]) throws -> [String] {
            var files: [Data] = []
            for name in ["gateway.sqlite", "gateway.sqlite-wal"] {
                let path = site.gateway.directory[name]
                guard FileManager.default.fileExists(atPath: path) else { continue }
                files.append(try Data(contentsOf: URL(fileURLWithPath: path)))
            }
            return texts.filter { text in files.contains { $0.range(of: Data(text.utf8)) != nil } }
        }

        @Test(
            "Attack: a person who registered, came and was erased is searched in the API and in the database's bytes"
        )
        func erased() throws {
            let site = try Site { $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]" }
            let backend = try Backend.signedIn(site)
            let email = "Ada.Lovelace@acme.example"
            let event = try backend.createEvent("Launch", ["presenters": [.string(email)]])
            let webhook: JSONValue = ["eventType": "registration.created", "endpoint": "https://127.0.0.1:9/in"]
            #expect(try backend.call("POST", "/webhooks", webhook).status == 201)
            let registered = try backend.register(email, for: event, name: "Ada Lovelace-Byron")
            let embed = try backend.embed(
                ["userId": "u-ada", "userName": "Ada Lovelace-Byron", "userEmail": .string(email.lowercased())],
                in: event
            )
            let (guest, user) = (Browser(site), Browser(site, host: 2))
            #expect(try guest.open(registered.target).status == 200)
            #expect(try user.open(Browser.path(embed)).status == 200)
            let personal = [email, email.lowercased(), "Lovelace-Byron"]
            // Attendance is written within a second.
            let person = "/company/acme/people?email=\(email.lowercased())"
            #expect(try eventually { try backend.ask("GET", person)["stays"]?.list?.count == 2 })
            #expect(try stored(site, personal) == personal, "the test sees what is there")
            let erased = try backend.ask("DELETE", person)
            #expect(erased["registrations"] == 1 && erased["stays"] == 2 && erased["events"] == 1)
            // Their ends are written afterwards.
            #expect(
                try eventually {
                    let people = try backend.ask("GET", "/event/\(event)/analytics")["participants"]?.list ?? []
                    return people.count == 2 && people.allSatisfy { $0["lastLeave"]?.text != nil }
                }
            )
            for path in [
                person, "/event/\(event)", "/event/\(event)/registrants", "/event/\(event)/analytics",
                "/event/\(event)/sessions", "/webhooks", "/company/acme/events",
            ] {
                let response = try backend.call("GET", path)
                #expect(response.status == 200)
                let text = String(decoding: response.body, as: UTF8.self).lowercased()
                for word in personal { #expect(!text.contains(word.lowercased()), "\(word) in \(path)") }
            }
            let shown = try backend.ask("GET", person)
            for list in ["registrations", "stays", "events"] { #expect(shown[list]?.list?.isEmpty == true, "\(list)") }
            try expectProblem(try fetch(site.port, registered.target), 403, "registration_removed")
            #expect(try stored(site, personal) == [])
            // Nor after a kill, a start, and a regular end.
            try site.gateway.restart()
            #expect(try stored(site, personal) == [])
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 60) == 0)
            #expect(try stored(site, personal) == [])
        }
    }
}
