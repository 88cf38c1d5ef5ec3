import Basics
import Testing

extension EndToEnd {
    @Suite("A networking hub in the platform's form lets people in")
    struct NetworkingHubTests {
        @Test("Made, joined by link and by code, its people listed, renamed as a whole, over a restart too")
        func story() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let hub: JSONValue = [
                "friendlyName": "Lounge", "organizers": ["olga@acme.example"], "company": "acme",
                "networkingHubRooms": [["name": "Sofa", "maxSlots": 8]],
            ]
            let made = try backend.ask("POST", "/networking", hub)
            let uid = try #require(made["uid"]?.text)
            let person: JSONValue = ["name": "Ada Lovelace", "email": "ada@example.com"]
            let ada = try Registered(try backend.ask("POST", "/networking/\(uid)/registrant", person))
            let olga: JSONValue = ["userId": "olga", "userDisplayName": "Olga", "userEmail": "olga@acme.example"]
            let url = try #require(try backend.ask("POST", "/networking/\(uid)/embedCode", olga).text)
            #expect(url.hasPrefix("http://localhost:\(site.port)/networking/\(uid)?token="))

            #expect(try Browser(site).open(Browser.path(url)).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Role"] == "host")
            #expect(try Browser(site).open(ada.target).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Event"] == uid)
            #expect(try Browser(site).open("/networking/\(uid)?joinCode=\(ada.joinCode)").status == 200)
            let people = try #require(try backend.ask("GET", "/networking/\(uid)/participantsList").list)
            #expect(people.map { $0["meta"]?["username"]?.text } == ["Olga", "Ada Lovelace"])

            try site.gateway.restart()
            let again = try Backend.signedIn(site)
            var whole = try again.ask("GET", "/networking/\(uid)")
            #expect(whole == made)
            whole["friendlyName"] = "Library"
            #expect(try again.ask("POST", "/networking/\(uid)", whole)["name"]?.text == "Library")
            #expect(try Browser(site).open(ada.target).status == 200)
        }
    }
}
