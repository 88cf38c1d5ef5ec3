import Basics
import JOSE
import Testing

extension EndToEnd {
    @Suite("A backend's day with its registrations: made in bulk, listed, changed, cancelled; their links work")
    struct BackendStoryTests {
        @Test("Three people in bulk, one changed, one cancelled", arguments: ["event", "networking"])
        func story(kind: String) throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let made = try backend.ask("POST", "/\(kind)/create", backend.newEvent())
            let path = "/\(kind)/\(try #require(made["uid"]?.text))"
            site.upstream.on("\(path)/ws") { try WebSocket.serveEcho($0) }
            let people: JSONValue = [
                ["name": "Ada", "email": "ada@example.com", "metadata": ["crm": 1]],
                ["name": "Grace", "email": "grace@example.com"], ["name": "Alan", "email": "alan@example.com"],
            ]
            let answers = try backend.ask("POST", path + "/registrants?atomic=true", people).list ?? []
            try #require(answers.count == 3 && answers.allSatisfy { $0["status"] == 200 })
            let registrations = answers.compactMap { $0["registration"] }
            let (ada, alan) = (try Registered(registrations[0]), try Registered(registrations[2]))
            let ids = registrations.compactMap { $0["registrationId"]?.text }
            try expectFault(
                try backend.call("POST", path + "/registrants?atomic=true", people),
                409,
                "already_registered"
            )

            let list = try backend.call("GET", path + "/registrants?q=A&limit=2")
            #expect(list["X-Total-Count"] == "3" && list.nextPage?.contains("q=A&limit=2&cursor=") == true)
            #expect(!list.text.contains("token="))
            let rest = try backend.call("GET", try #require(list.nextPage))
            #expect(try rest.json().list?.first?["email"] == "alan@example.com" && rest.nextPage == nil)
            let found = try backend.ask("GET", path + "/registrants?email=GRACE@example.com&include=join_url").list
            #expect(found?.count == 1 && found?.first?["join_url"] == registrations[1]["join_url"])

            // The old link stays valid, with the name that it was made with; the code and a new link have the new one.
            let changes: JSONValue = ["name": "Ada Lovelace", "email": "countess@example.com"]
            let changed = try backend.ask("PATCH", path + "/registrant/\(ids[0])?include=join_url", changes)
            #expect(changed["email"] == "countess@example.com" && changed["metadata"] == ["crm": 1])
            for (target, name, email) in [
                (ada.target, "Ada", "ada@example.com"),
                ("\(path)?joinCode=\(ada.joinCode)", "Ada%20Lovelace", "countess@example.com"),
                (try Registered(changed).target, "Ada%20Lovelace", "countess@example.com"),
            ] {
                #expect(try Browser(site).open(target).status == 200)
                #expect(site.upstream.requests.last?["X-Gateway-User-Name"] == name)
                #expect(site.upstream.requests.last?["X-Gateway-User-Email"] == email)
                #expect(site.upstream.requests.last?["X-Gateway-User-Id"] == ids[0])
            }
            let taken: JSONValue = ["email": "Grace@example.com"]
            try expectFault(
                try backend.call("PATCH", path + "/registrant/\(ids[0])", taken),
                409,
                "already_registered"
            )

            let browser = Browser(site, host: 2)
            #expect(try browser.open(alan.target).status == 200)
            let client = try Client(port: site.port)
            let opened = try client.openWebSocket("\(path)/ws", browser.cookieField)
            try #require(opened.status == 101, "\(opened)")
            let socket = WebSocketEnd(client.reader, isClient: true)
            #expect(try backend.call("DELETE", path + "/registrant/\(ids[2])").status == 204)
            #expect(try socket.remainder().map(\.close) == ["4410 registration_removed"])
            try expectProblem(try fetch(site.port, alan.target), 403, "registration_removed")
            try expectFault(try backend.call("GET", path + "/registrant/\(ids[2])"), 404, "not_found")
            let removed = try backend.ask("GET", path + "/registrants?state=removed").list
            #expect(removed?.compactMap { $0["registrationId"]?.text } == [ids[2]])
            // Stays are written soon after she came.
            let isFound = try eventually {
                let person = try backend.ask("GET", "/company/acme/people?email=countess@example.com")
                return person["registrations"]?.list?.first?["registrationId"]?.text == ids[0]
                    && person["stays"]?.list?.isEmpty == false
            }
            #expect(isFound)
        }
    }
}
