import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("An event has one name: no other spelling opens another company's event or a deleted one")
    struct EventSpellingTests {
        /// Ways to write a UUID that some upstream reads as the same.
        static let spellings: [(name: String, of: @Sendable (String) -> String)] = [
            ("as it is", { $0 }),
            ("upper case", { $0.uppercased() }),
            ("mixed case", { $0.prefix(18) + $0.dropFirst(18).uppercased() }),
            ("no hyphens", bare),
            ("no hyphens, upper case", { bare($0).uppercased() }),
            ("braces", { "{\($0)}" }),
            ("braces, no hyphens", { "{\(bare($0))}" }),
            ("parentheses", { "(\($0))" }),
            ("urn", { "urn:uuid:\($0)" }),
            ("urn in upper case", { "URN:UUID:\($0.uppercased())" }),
            ("uuid:", { "uuid:\($0)" }),
            ("a hyphen more", { "\($0)-" }),
            ("other hyphens", { bare($0).prefix(4) + "-" + bare($0).dropFirst(4) }),
            ("a leading zero", { "0\($0)" }),
            ("quotes", { "\"\($0)\"" }),
            ("any byte on either side", { "x\($0)x" }),
            ("something behind", { "\($0).json" }),
            ("hexadecimal numbers", { "{" + $0.split(separator: "-").map { "0x\($0)" }.joined(separator: ",") + "}" }),
            ("full-width digits", { "\u{ff10}" + $0 }),
            ("other dashes", { $0.split(separator: "-").joined(separator: "\u{2010}") }),
        ]

        private static let bare: @Sendable (String) -> String = { $0.split(separator: "-").joined() }

        /// An event of another company, and a deleted one of acme.
        private struct World: Sendable {
            let site: Site
            let foreign: String
            let own: String
            let deleted: String
        }

        private static let world = Result {
            let site = try Site { $0.control = "" }
            let acme = try Backend.signedIn(site)
            let (own, deleted) = (try acme.createEvent("Own"), try acme.createEvent("Gone"))
            _ = try acme.ask("DELETE", "/event/\(deleted)")
            let foreign = try Backend.signedIn(site, company: "globex").createEvent("Theirs")
            return World(site: site, foreign: foreign, own: own, deleted: deleted)
        }

        /// The text in the form of a path.
        private func encoded(_ text: String) -> String {
            text.utf8.map { byte in
                let isPlain = byte.isPlain
                return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }

        @Test("Every way in, with every spelling", arguments: spellings.indices)
        func spelling(index: Int) throws {
            let world = try Self.world.get()
            let (name, spell) = Self.spellings[index]
            let gone = index == 0 ? "registration_removed" : "wrong_event"
            for (event, code) in [(world.foreign, "wrong_event"), (world.deleted, gone)] {
                let id = spell(event)
                let path = encoded(id)
                let tokens = [
                    Minter.acme.token(.init(event: id)), Minter.acme.registration("r1", event: id),
                    Minter.acme.token(.init(event: id, eventSpecific: false)),
                ]
                let before = world.site.upstream.requests.count
                for token in tokens {
                    let bearer = ["Authorization: Bearer \(token)"]
                    let targets = [
                        "/event/\(path)", "/event/\(path)/assets/app.js", "/networking/\(path)", "/anything",
                        "/.gateway/take-over?to=/event/\(path)",
                    ]
                    for target in targets {
                        let method = target.hasPrefix("/.gateway/take-over") ? "POST" : "GET"
                        let response = try fetch(world.site.port, target, method: method, bearer)
                        try expectProblem(response, 403, code, "\(name): \(method) \(target)")
                    }
                    let query = try fetch(world.site.port, "/event/\(path)?token=\(token)")
                    try expectProblem(query, 403, code, "\(name): in the query")
                    let session = bearer + ["Gateway-Session: \(String(repeating: "A", count: 48))"]
                    let asked = try fetch(world.site.port, "/.gateway/session", session)
                    #expect([401, 403].contains(asked.status), "\(name): asking for the session")
                }
                #expect(world.site.upstream.requests.count == before, "\(name): nothing is forwarded")
            }
        }

        @Test(
            "A company-wide token of the company's own event opens no other spelling either",
            arguments: spellings.indices
        )
        func companyWide(index: Int) throws {
            let world = try Self.world.get()
            let (name, spell) = Self.spellings[index]
            let bearer = ["Authorization: Bearer \(Minter.acme.token(.init(event: world.own, eventSpecific: false)))"]
            for event in [world.own, world.foreign, world.deleted] {
                let response = try fetch(world.site.port, "/event/\(encoded(spell(event)))", bearer)
                if index == 0, event == world.own {
                    #expect(response.status == 200)
                } else {
                    let code = index == 0 && event == world.deleted ? "registration_removed" : "wrong_event"
                    try expectProblem(response, 403, code, "\(name)")
                }
            }
        }

        @Test("An event that the directory does not know belongs to the company whose event_ids match, and to no other")
        func owners() throws {
            let site = try Site {
                $0.control = ""
                $0.eventIDs = ("event_ids = [\"acme-*\", \"launch\"]", "event_ids = [\"globex-*\"]")
            }
            func expect(_ minter: Minter, _ event: String, isOpen: Bool) throws {
                for token in [minter.token(.init(event: event)), minter.registration("r1", event: event)] {
                    let bearer = ["Authorization: Bearer \(token)"]
                    for target in ["/event/\(event)", "/anything"] {
                        let response = try fetch(site.port, target, bearer)
                        if isOpen {
                            #expect(response.status == 200, "\(minter.company): \(event)")
                        } else {
                            try expectProblem(response, 403, "wrong_event", "\(minter.company): \(event)")
                        }
                    }
                }
            }
            try expect(.acme, "acme-1", isOpen: true)
            try expect(.acme, "launch", isOpen: true)
            try expect(.globex, "globex-1", isOpen: true)
            try expect(.acme, "globex-1", isOpen: false)
            try expect(.globex, "acme-1", isOpen: false)
            try expect(.globex, "launch", isOpen: false)
            try expect(.acme, "nobodys", isOpen: false)
            // The API's own events need no pattern.
            let event = try Backend.signedIn(site).createEvent()
            try expect(.acme, event, isOpen: true)
            try expect(.globex, event, isOpen: false)
        }

        @Test("A reload that assigns an event to another company ends the session with its next request")
        func reload() throws {
            let site = try Site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            try site.gateway.rewrite(
                site.configuration { $0.eventIDs = ("event_ids = [\"x\"]", "event_ids = [\"e*\"]") }
            )
            site.gateway.reload()
            try expectProblem(try browser.fetch("/event/e1"), 403, "wrong_event")
            try expectProblem(try browser.fetch("/.gateway/session"), 403, "wrong_event")
        }
    }
}

extension UInt8 {
    fileprivate var isPlain: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
