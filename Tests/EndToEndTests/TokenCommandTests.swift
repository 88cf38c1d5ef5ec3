import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("gateway token makes, shows and checks tokens")
    struct TokenCommandTests {
        static let shared = Result { try Site() }
        let site: Site
        var config: String { site.gateway.directory["gateway.conf"] }

        init() throws { site = try Self.shared.get() }

        private func mint(_ options: [String]) throws -> String {
            let finished = try run(
                Gateway.program,
                ["token", "mint", config, "--company", "acme", "--user-id", "u1"] + options
            )
            #expect(finished.status == 0, "\(finished.errors)")
            return finished.output.split(separator: "\n").first.map(String.init) ?? ""
        }

        private func inspect(_ token: String, _ options: [String] = []) throws -> Finished {
            try run(Gateway.program, ["token", "inspect", token, "--config", config] + options)
        }

        @Test("A minted token opens its event, and inspect shows its content")
        func mintAndInspect() throws {
            let token = try mint([
                "--event", "e1", "--registration", "r1", "--name", "Zoë", "--email", "zoe@example.com",
            ])
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
            #expect(try fetch(site.port, "/event/e2?token=\(token)").status == 403)
            let shown = try inspect(token, ["--event", "e1"])
            #expect(shown.status == 0)
            for word in ["zoe@example.com", "r1", "acme", "accept"] { #expect(shown.output.contains(word), "\(word)") }
        }

        @Test("Attack: a token controls the terminal of an operator who inspects it")
        func terminal() throws {
            let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J\u{7f}\u{202e}evil\u{2028}\r\n"
            let token = Minter.acme.token(Minter.Viewer(name: hostile))
            let shown = try inspect(token, ["--event", "e1"])
            #expect(shown.status == 0)
            for scalar in shown.output.unicodeScalars where scalar != "\n" {
                #expect(![.control, .format, .lineSeparator].contains(scalar.properties.generalCategory))
            }
            for word in ["\\u001b]0;owned\\u0007\\u009b2J\\u007f\\u202eevil\\u2028"] {
                #expect(shown.output.contains(word), "\(shown.output)")
            }
        }

        @Test("A minted address can be opened unchanged")
        func address() throws {
            let address = try mint(["--event", "e1", "--url"])
            #expect(address.hasPrefix("http://localhost:\(site.port)/event/e1?"))
            #expect(try Browser(site).open(Browser.path(address)).status == 200)
        }

        @Test("inspect says why a token would be refused")
        func inspectRefused() throws {
            let expired = try inspect(try mint(["--event", "e1", "--lifetime=-10m"]))
            #expect(expired.status == 1 && expired.output.contains("token_expired"))
            let early = try inspect(try mint(["--event", "e1", "--not-before", "1h"]))
            #expect(early.status == 1 && early.output.contains("token_not_yet_valid"))
            let other = try inspect(try mint(["--event", "e1"]), ["--event", "e2"])
            #expect(other.status == 1 && other.output.contains("wrong_event"))
            let forged = try inspect(Minter(company: "acme", keyID: "acme-2026", secret: Minter.globex.secret).token())
            #expect(forged.status == 1 && forged.output.contains("token_invalid"))
            #expect(try inspect("hello").status == 1)
        }

        @Test("mint and inspect know who owns an event: by event_ids, and by the directory if it knows the event")
        func owners() throws {
            let site = try Site {
                $0.control = ""
                $0.eventIDs = (acme: "event_ids = [\"launch\", \"acme-*\"]", globex: "event_ids = [\"g-*\"]")
            }
            let config = site.gateway.directory["gateway.conf"]
            let backend = try Backend.signedIn(site)
            let known = try backend.createEvent()
            let deleted = try backend.createEvent()
            #expect(try backend.call("DELETE", "/event/\(deleted)").status == 200)
            let foreign = try Backend.signedIn(site, company: "globex").createEvent()
            for (event, code) in [
                ("launch", nil), ("acme-7", nil), (known, nil), ("launch2", "wrong_event"), ("g-1", "wrong_event"),
                (foreign, "wrong_event"), (known.uppercased(), "wrong_event"), (deleted, "registration_removed"),
            ] as [(String, String?)] {
                let minted = try run(
                    Gateway.program,
                    ["token", "mint", config, "--company", "acme", "--user-id", "u1", "--event", event]
                )
                #expect(minted.status == 0)
                #expect(minted.errors.contains("warning: ") == (code != nil), "\(event): \(minted.errors)")
                if let code { #expect(minted.errors.contains(code)) }
                let token = minted.output.trimmingCharacters(in: .newlines)
                let wide = try run(
                    Gateway.program,
                    ["token", "mint", config, "--company", "acme", "--user-id", "u1", "--company-wide"]
                ).output.trimmingCharacters(in: .newlines)
                for (token, isOwn) in [(token, true), (wide, false)] {
                    let shown = try run(
                        Gateway.program,
                        ["token", "inspect", token, "--config", config, "--event", event]
                    )
                    // A company-wide token opens other events only if the directory knows them.
                    let code = isOwn || code != nil || event == known ? code : "wrong_event"
                    #expect(shown.status == (code == nil ? 0 : 1), "\(event): \(shown.output)")
                    #expect(
                        shown.output.contains(code.map { "refused \($0)" } ?? "accept"),
                        "\(event): \(shown.output)"
                    )
                    // The command agrees with the gateway.
                    let status = try fetch(site.port, "/event/\(event)?token=\(token)").status
                    #expect(status == (code == nil ? 200 : 403), "\(event)")
                }
            }
        }

        @Test("verify answers with a line for each line of standard input")
        func verifyLines() throws {
            let key = try Key.generate(.es256, id: "k1")
            let other = try Key.generate(.es256, id: "k1")
            let set = JSONValue.object([JSONMember("keys", .array([try #require(key.publicJWK)]))])
            let file = try site.gateway.directory.write(
                "set.json",
                String(decoding: set.serialized(), as: UTF8.self)
            )
            func token(_ key: Key, expires: Double, issuer: String = "me") throws -> String {
                try Token.sign(
                    [
                        JSONMember("sub", .string("u")), JSONMember("exp", .number(expires)),
                        JSONMember("iss", .string(issuer)), JSONMember("aud", .string("you")),
                    ],
                    type: nil,
                    with: key
                )
            }
            let good = try token(key, expires: Minter.now + 600)
            let lines = [
                good, try token(other, expires: Minter.now + 600), try token(key, expires: Minter.now - 600), "a.b.c",
                "", good + ".", "\(good)=", " \(good)", good,
            ]
            let input = lines.joined(separator: "\n") + "\n"
            let verify = ["token", "verify", "--jwks", file]
            let finished = try run(Gateway.program, verify, input: input)
            #expect(finished.status == 1)
            let answers = finished.output.split(separator: "\n").map(String.init)
            #expect(answers.count == lines.count)
            #expect(answers.first == "accept" && answers.last == "accept")
            #expect(answers.dropFirst().dropLast().allSatisfy { $0.hasPrefix("reject ") })
            #expect(answers.count > 2 && answers[1] == "reject signature" && answers[2] == "reject expired")

            #expect(try run(Gateway.program, verify + ["--issuer", "me", "--audience", "you", good]).status == 0)
            #expect(try run(Gateway.program, verify + ["--issuer", "she", good]).output == "reject issuer\n")
            #expect(try run(Gateway.program, verify + ["--audience", "she", good]).output == "reject audience\n")
            #expect(try run(Gateway.program, verify + ["--algorithms", "RS256", good]).status == 1)
            #expect(try run(Gateway.program, verify + ["--algorithms", "RS256,ES256", good]).output == "accept\n")
            let old = try token(key, expires: Minter.now - 600)
            #expect(try run(Gateway.program, verify + ["--signature-only", old]).output == "accept\n")
            #expect(try run(Gateway.program, verify + ["--leeway", "20m", old]).output == "accept\n")
        }
    }
}
