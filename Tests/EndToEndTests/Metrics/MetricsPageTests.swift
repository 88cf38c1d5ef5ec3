import Basics
import Foundation
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Metrics: the page that Prometheus gets from the admin listener")
    struct MetricsPageTests {
        @Test("Both formats hold the same, each with its content type, and HEAD gets no body")
        func formats() throws {
            let site = try Site()
            #expect(try fetch(site.port, "/public/x").status == 200)
            let port = site.gateway.adminPort
            let text = try fetch(port, "/metrics")
            #expect(text["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
            let open = try fetch(port, "/metrics", [Gateway.openMetrics])
            #expect(open["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            #expect(open.text.hasSuffix("\n# EOF\n"))
            let (read, same) = try (
                MetricsText(text.text, as: .prometheus), MetricsText(open.text, as: .openMetrics)
            )
            #expect(read.names == same.names)
            #expect(read.families.count == same.families.count)
            let head = try fetch(port, "/metrics", method: "HEAD", [Gateway.openMetrics])
            #expect(head.status == 200 && head.body.isEmpty && head["Content-Type"] == open["Content-Type"])
            #expect(Int(head["Content-Length"] ?? "") ?? 0 > 1000)
            // Several fields are one list.
            let fields = ["Accept: text/plain;q=0.1", "Accept: application/openmetrics-text;q=0.2"]
            #expect(try fetch(port, "/metrics", fields)["Content-Type"] == open["Content-Type"])
        }

        @Test("Other methods get 405, and viewers never see the page")
        func methods() throws {
            let site = try Site()
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
                let response = try fetch(site.gateway.adminPort, "/metrics", method: method)
                #expect(response.status == 405 && response["Allow"] == "GET, HEAD", "\(method) \(response)")
            }
            #expect(try fetch(site.gateway.adminPort, "/metrics/x").status == 404)
            for path in ["/metrics", "/.gateway/metrics"] {
                let response = try fetch(site.port, path, ["Authorization: Bearer \(Minter.acme.token())"])
                #expect(!response.text.contains("gateway_"), "\(path)")
            }
        }

        @Test("With admin.token_file, only the token opens the page; without one, no browser's page does")
        func access() throws {
            let directory = try TemporaryDirectory()
            let file = try directory.write("admin.token", "a token that only the operator knows\n")
            let guarded = try Site { $0.admin = "token_file = \"\(file)\"" }
            let port = guarded.gateway.adminPort
            for fields in [[], ["Authorization: Bearer wrong"], ["Authorization: Basic YTpi"]] {
                for method in ["GET", "HEAD", "POST"] {
                    let response = try fetch(port, "/metrics", method: method, fields)
                    #expect(response.status == 401 && response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
                    #expect(!response.text.contains("gateway_"))
                }
            }
            // As Prometheus sends what `authorization` names.
            let bearer = "Authorization: Bearer a token that only the operator knows"
            let page = try fetch(port, "/metrics", [bearer])
            #expect(page.status == 200)
            _ = try MetricsText(page.text, as: .prometheus)
            let open = try Site()
            for fields in [["Origin: https://evil.example"], ["Sec-Fetch-Site: cross-site"]] {
                #expect(try fetch(open.gateway.adminPort, "/metrics", fields).status == 403)
            }
        }

        @Test("Attack: nothing from outside becomes a label, so series stay few and nothing is given away")
        func nothingFromOutside() throws {
            let site = try Site()
            let viewer = Minter.Viewer(
                event: "secretevent",
                registration: "secretregistration",
                user: "secretuser",
                name: "Secret Name",
                email: "secret@example.com"
            )
            let token = Minter.acme.token(viewer)
            let browser = Browser(site)
            #expect(try browser.open("/event/secretevent?token=\(token)").status == 200)
            let before = try site.gateway.metrics().samples.count
            for number in 0..<50 {
                _ = try fetch(site.port, "/public/secretpath\(number)?secretquery=\(number)")
                _ = try fetch(
                    site.port,
                    "/secretpath\(number)",
                    ["Host: secrethost\(number)", "X-Request-Id: secretid"]
                )
                _ = try fetch(site.port, "/public/x", method: "SECRET\(number)")
                _ = try fetch(site.port, "/event/secretevent\(number)?token=\(token)x")
                _ = try? fetch(site.port, "/secretpath\r\n\r\n")
            }
            let page = try fetch(site.gateway.adminPort, "/metrics").text
            for word in ["secret", "Secret", "SECRET", "Ada", "example.com"] {
                #expect(!page.contains(word), "\(word)")
            }
            for part in token.split(separator: ".") { #expect(!page.contains(part)) }
            for cookie in browser.cookies.values { #expect(!page.contains(cookie)) }
            #expect(try site.gateway.metrics().samples.count < before + 15)
        }

        @Test("Many scrapers at once each get a whole page, during requests and reloads too")
        func concurrency() throws {
            let site = try Site()
            let faults = Mutex<[String]>([])
            inParallel(8) { number in
                do {
                    for _ in 0..<10 {
                        if number == 0 {
                            for _ in 0..<10 { _ = try fetch(site.port, "/public/x") }
                            site.gateway.reload()
                        }
                        let format: MetricsText.Format = number % 2 == 0 ? .prometheus : .openMetrics
                        let fields = format == .openMetrics ? [Gateway.openMetrics] : []
                        let page = try fetch(site.gateway.adminPort, "/metrics", fields, within: 20)
                        _ = try MetricsText(page.text, as: format)
                    }
                } catch {
                    faults.withLock { $0.append("\(error)") }
                }
            }
            #expect(faults.withLock { $0 } == [])
            #expect(try site.gateway.metrics().value("gateway_config_reloads_total", ["result": "success"]) == 10)
        }

        @Test("The database's commits and the messages to webhooks are counted, those that wait too")
        func control() throws {
            let site = try Site { $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]" }
            let backend = try Backend.signedIn(site)
            let before = try site.gateway.metrics()
            let isWell = Flag()
            let receiver = try RecordingUpstream {
                try $0.reply(isWell.isSet ? "204 No Content" : "500 Internal Server Error")
            }
            let webhook: JSONValue = [
                "eventType": "event.created", "endpoint": .string("http://127.0.0.1:\(receiver.port)/"),
            ]
            let made = try backend.call("POST", "/webhooks", webhook)
            try #require(made.status == 201, "\(made)")
            _ = try backend.createEvent()
            let deliveries = "gateway_webhook_deliveries_total"
            #expect(try eventually { try site.gateway.metrics().value(deliveries, ["outcome": "retried"]) > 0 })
            let during = try site.gateway.metrics()
            #expect(during.value("gateway_webhook_messages_waiting") == 1)
            #expect(during.value(deliveries, ["outcome": "arrived"]) == 0)
            let commits = "gateway_database_commit_duration_seconds"
            #expect(during.value(commits + "_count") >= before.value(commits + "_count") + 2)
            #expect(during.value(commits + "_sum") > before.value(commits + "_sum"))
            #expect(during.value("gateway_database_commit_failures_total") == 0)
            isWell.set()
            let id = try #require(try made.json()["id"]?.text)
            // Switching it on sends what waits at once.
            #expect(try backend.call("PATCH", "/webhooks/\(id)", ["enabled": true]).status == 200)
            #expect(try eventually { try site.gateway.metrics().value("gateway_webhook_messages_waiting") == 0 })
            let after = try site.gateway.metrics()
            #expect(after.value(deliveries, ["outcome": "arrived"]) == 1)
            #expect(after.value("gateway_webhook_oldest_message_age_seconds") == 0)
        }

        @Test("The page answers during a drain, and says that there is one")
        func drain() throws {
            let site = try Site { $0.top = "drain_timeout = \"10m\"" }
            let isUnderWay = Flag()
            site.upstream.on("/public/never") { exchange in
                isUnderWay.set()
                _ = exchange.socket.receive(within: 60)
                return false
            }
            let client = try Client(port: site.port)
            client.send("GET /public/never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { isUnderWay.isSet })
            #expect(try site.gateway.metrics().value("gateway_draining") == 0)
            site.gateway.send(SIGTERM)
            #expect(try eventually { try site.gateway.metrics().value("gateway_draining") == 1 })
            #expect(try site.gateway.metrics().value("gateway_ready") == 0)
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
        }

        @Test("The process shows itself under the names that every process has")
        func process() throws {
            let site = try Site()
            let page = try site.gateway.metrics()
            #expect(page.value("process_resident_memory_bytes") > 1_048_576)
            #expect(page.value("process_virtual_memory_bytes") > page.value("process_resident_memory_bytes"))
            #expect(
                page.value("process_open_fds") > 3 && page.value("process_open_fds") < page.value("process_max_fds")
            )
            let age = Date().timeIntervalSince1970 - page.value("process_start_time_seconds")
            #expect(age > 0 && age < 600)
            #expect(
                page.samples.keys.contains { $0.name == "gateway_build_info" && $0.labels["version"]?.isEmpty == false }
            )
            #expect(page.value("gateway_loops") >= 1)
            #expect(page.value("gateway_connections_limit") > 0)
            #expect(try eventually { try site.gateway.metrics().value("gateway_loop_lag_seconds_count") > 0 })
            #expect(try eventually { try site.gateway.metrics().value("process_cpu_seconds_total") > 0 })
        }

        @Test(
            "Every metric that the alerts, the dashboard and the documents name is there, and the documents name all",
            arguments: ["deploy/prometheus/alerts.yml", "deploy/grafana/gateway.json", "deploy/docs/metrics.md"]
        )
        func names(file: String) throws {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
            if file.hasSuffix(".json") {
                #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(text.utf8)) }
            }
            let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }
            let used = Set(words.filter { $0.hasPrefix("gateway_") || $0.hasPrefix("process_") }.map(String.init))
            // One has a certificate, the other a control API.
            let (site, controlled) = (try TLSSite(), try Site { $0.control = "" })
            #expect(try fetch(site.gateway.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
            let page = try site.gateway.metrics()
            let otherPage = try controlled.gateway.metrics()
            let names = page.names.union(page.families.keys).union(otherPage.names).union(otherPage.families.keys)
            #expect(used.count > 10)
            for name in used.sorted() { #expect(names.contains(name), "\(name)") }
            guard file.hasSuffix(".md") else { return }
            for name in Set(page.families.keys).union(otherPage.families.keys) {
                #expect(used.contains(name), "\(name) is not in \(file)")
            }
        }
    }
}
