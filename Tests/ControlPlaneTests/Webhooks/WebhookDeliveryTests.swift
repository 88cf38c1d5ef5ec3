import Basics
import Directory
import GatewayConfiguration
import JOSE
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Webhooks: each message arrives, signed, in order, however often it takes")
struct WebhookDeliveryTests {
    let fixture: DeliveryFixture

    init() throws { fixture = try DeliveryFixture() }

    @Test("A message is one signed POST of JSON, and is not sent again")
    func delivered() async throws {
        let receiver = try await Receiver()
        let directory = try fixture.openDirectory()
        let endpoint = "http://hook.example:\(receiver.port)/hooks/a?b=c"
        let webhook = try await fixture.webhook(.eventCreated, endpoint, directory)
        try await fixture.running(try fixture.delivery(directory)) {
            let event = try await fixture.makeEvent(directory, "Grün 😀")
            let request = try #require(await receiver.arrivals.next(1).first)
            #expect(request.head.method == .POST && request.head.uri == "/hooks/a?b=c")
            #expect(request["Host"] == "hook.example:\(receiver.port)")
            #expect(request["Content-Type"] == "application/json")
            #expect(request["User-Agent"] == "embed-gateway")
            let members = try request.members()
            #expect(members["type"] == .string("event.created") && members["eventId"] == .string(event.uid))
            #expect(request.eventName == "Grün 😀")
            let id = try #require(request["webhook-id"])
            let names = ["webhook-id", "webhook-timestamp", "webhook-signature"]
            #expect(names.allSatisfy { name in request.head.headers.contains { $0.name == name } })
            #expect(members["id"] == .string(id))
            let timestamp = try #require(request["Webhook-Timestamp"].flatMap(Int64.init))
            #expect(abs(timestamp * 1000 - fixture.now) < 600_000)
            let expected = DeliverySignature.field(
                keys: [webhook.secret.key],
                id: id,
                timestamp: timestamp,
                body: request.body
            )
            #expect(request["Webhook-Signature"] == expected)
            // The next one follows it, so the first was not sent twice in between.
            _ = try await fixture.makeEvent(directory, "second")
            #expect(await receiver.arrivals.next(1).first?.eventName == "second")
        }
        #expect(receiver.received.count == 2)
        // The second one may have been stopped before its answer was read.
        if let left = try await fixture.next(webhook, directory) { #expect(left.message.contains("second")) }
        await directory.close()
    }

    @Test(
        "Messages waiting at start are delivered; one that did not arrive before a restart has the same id afterwards"
    )
    func restart() async throws {
        let receiver = try await Receiver { _, before in before == 0 ? .status(503) : .status(200) }
        var directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        _ = try await fixture.makeEvent(directory)
        await directory.close()
        directory = try fixture.openDirectory()
        // The retry is far away: an hour.
        try await fixture.running(try fixture.delivery(directory, wait: 3_600_000)) {
            #expect(await receiver.arrivals.next(1).count == 1)
            #expect(await fixture.log.lines.stream.next(1).count == 1)
        }
        await directory.close()
        directory = try fixture.openDirectory()
        fixture.advance(3_600_000)
        try await fixture.running(try fixture.delivery(directory)) {
            #expect(await receiver.arrivals.next(1).count == 1)
        }
        let requests = receiver.received
        #expect(requests.count == 2)
        #expect(requests[0]["Webhook-Id"] == requests[1]["Webhook-Id"] && requests[0].body == requests[1].body)
        await directory.close()
    }

    @Test("A suspended company's messages wait, and are delivered once it is not; those of others do not wait")
    func suspended() async throws {
        let receiver = try await Receiver()
        let directory = try fixture.openDirectory()
        for company in ["acme", "globex"] {
            let endpoint = "http://hook.example:\(receiver.port)/"
            _ = try await directory.createWebhook([.eventCreated], endpoint: endpoint, event: nil, company: company)
        }
        let delivery = try fixture.delivery(directory)
        let loopback = try DeliveryFixture.ranges(DeliveryFixture.loopback)
        delivery.adopt(allowedPrivate: loopback, suspended: ["acme"])
        try await fixture.running(delivery) {
            _ = try await fixture.makeEvent(directory, "waits")
            for name in ["one", "two"] {
                _ = try await fixture.makeEvent(directory, name, company: "globex")
                #expect(await receiver.arrivals.next(1).first?.eventName == name)
            }
            delivery.adopt(allowedPrivate: loopback)
            #expect(await receiver.arrivals.next(1).first?.eventName == "waits")
        }
        #expect(receiver.received.count == 3)
        await directory.close()
    }

    @Test("A message is retried until it arrives; those after it wait, and other events' do not")
    func order() async throws {
        let receiver = try await Receiver { request, before in
            request.eventName?.hasPrefix("slow") == true && before < 6 ? .status(500) : .status(200)
        }
        let directory = try fixture.openDirectory()
        let (slow, other) = (
            try await fixture.makeEvent(directory, "slow"), try await fixture.makeEvent(directory, "other")
        )
        _ = try await fixture.webhook(.eventUpdated, "http://hook.example:\(receiver.port)/", directory)
        for name in ["1", "2", "3"] {
            try await fixture.rename(slow, "slow \(name)", directory)
            try await fixture.rename(other, "other \(name)", directory)
        }
        try await fixture.running(try fixture.delivery(directory)) {
            var left: Set = ["slow 1", "slow 2", "slow 3", "other 1", "other 2", "other 3"]
            for await request in receiver.arrivals {
                if receiver.received.count >= 7 || request.eventName?.hasPrefix("other") == true {
                    left.remove(request.eventName ?? "")
                }
                if left.subtracting(["slow 1"]).isEmpty { break }
            }
        }
        let names = receiver.received.compactMap(\.eventName)
        #expect(names.filter { $0.hasPrefix("other") } == ["other 1", "other 2", "other 3"])
        let slowNames = names.filter { $0.hasPrefix("slow") }
        #expect(slowNames.suffix(2) == ["slow 2", "slow 3"])
        #expect(slowNames.count > 3 && slowNames.dropLast(2).allSatisfy { $0 == "slow 1" })
        await directory.close()
    }

    @Test(
        "Every answer but 2xx is a failure, including redirects, which are not followed",
        arguments: [301, 302, 307, 308, 304, 400, 401, 404, 429, 500, 503]
    )
    func failures(status: Int) async throws {
        let target = try await Receiver()
        let location = "http://127.0.0.1:\(target.port)/"
        let receiver = try await Receiver { _, before in
            before == 0 ? .status(status, headers: ["Location": location]) : .status(202)
        }
        let directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.arrivals.next(2).count == 2)
        }
        #expect(target.connectionCount == 0)
        #expect(fixture.log.text.contains("answered \(status)"))
        await directory.close()
    }

    @Test("An endpoint that answers 410 is switched off at once, and its messages wait")
    func gone() async throws {
        let receiver = try await Receiver { _, before in .status(before == 0 ? 410 : 200) }
        let directory = try fixture.openDirectory()
        let webhook = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory, "first")
            for await line in fixture.log.lines.stream where line.contains("switched off") { break }
            let off = try #require(directory.webhook(webhook.id, company: "acme"))
            #expect(off.disabledBy == .gone && off.lastError == "answered 410" && receiver.received.count == 1)
            _ = try await directory.switchWebhook(webhook.id, company: "acme", isOn: true)
            #expect(await receiver.arrivals.next(2).last?.eventName == "first")
        }
        await directory.close()
    }

    @Test("Retry-After is heeded, for the whole endpoint, but for no longer than an hour", arguments: ["30", "999999"])
    func retryAfter(seconds: String) async throws {
        let receiver = try await Receiver { _, before in
            before == 0 ? .status(503, headers: ["Retry-After": seconds]) : .status(200)
        }
        let directory = try fixture.openDirectory()
        let webhook = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        let rest = try #require(Milliseconds(seconds)).bounded
        try await fixture.running(try fixture.delivery(directory, wait: 1)) {
            let before = fixture.now
            _ = try await fixture.makeEvent(directory, "first")
            for await line in fixture.log.lines.stream where line.contains("answered 503") { break }
            // The endpoint's word is written before the webhook's state.
            try await waitUntil("it is known to fail") {
                directory.webhook(webhook.id, company: "acme")?.failingSince != nil
            }
            guard case .none(let until) = try await directory.nextMessage(for: webhook, at: before + rest - 1) else {
                throw Unexpected(what: "it is due already")
            }
            let due = try #require(until)
            #expect(due <= fixture.now + rest)
            fixture.advance(rest)
            _ = try await fixture.makeEvent(directory, "second")
            let names = await receiver.arrivals.next(3).map(\.eventName)
            #expect(names == ["first", "first", "second"] || names == ["first", "second", "first"])
        }
        await directory.close()
    }

    @Test("A server that hangs, before or within its answer, is cut by the time limit, and tried again")
    func hanging() async throws {
        let receiver = try await Receiver { _, before in before == 0 ? .silence : .status(200) }
        let directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        let delivery = try fixture.delivery(directory, exchangeTime: .milliseconds(200))
        try await fixture.running(delivery) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.endings.next(1).count == 1)
            #expect(await receiver.arrivals.next(2).count == 2)
        }
        #expect(fixture.log.text.contains("timed out") || fixture.log.text.contains("ended before an answer"))
        await directory.close()
    }

    @Test("A connection closed without an answer is a failure")
    func closed() async throws {
        let receiver = try await Receiver { _, before in before == 0 ? .close : .status(200) }
        let directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.arrivals.next(2).count == 2)
        }
        await directory.close()
    }

    @Test("An endless answer is read to its limit, and its status counts")
    func endless() async throws {
        let receiver = try await Receiver { _, _ in .endless(200) }
        let directory = try fixture.openDirectory()
        _ = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.endings.next(1).count == 1)
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.endings.next(1).count == 1)
        }
        #expect(receiver.received.count == 2 && fixture.log.text.isEmpty)
        await directory.close()
    }

    @Test("At most two at a time go to one host, and others do not wait for it")
    func perHost() async throws {
        let latch = Latch()
        let busy = try await Receiver { _, _ in .held(latch) }
        let free = try await Receiver()
        let directory = try fixture.openDirectory()
        // More queues of the busy host than are looked at together.
        _ = try await fixture.webhook(.eventCreated, "http://busy.example:\(busy.port)/", directory)
        for index in 0..<80 { _ = try await fixture.makeEvent(directory, "\(index)") }
        _ = try await fixture.webhook(.eventCreated, "http://free.example:\(free.port)/", directory)
        try await fixture.running(try fixture.delivery(directory)) {
            #expect(await busy.arrivals.next(2).count == 2)
            for index in 0..<5 {
                _ = try await fixture.makeEvent(directory, "free \(index)")
                #expect(await free.arrivals.next(1).first?.eventName == "free \(index)")
            }
            #expect(busy.received.count == 2)
            latch.open()
            #expect(await busy.arrivals.next(83).count == 83)
        }
        let ids = busy.received.compactMap { $0["Webhook-Id"] }
        #expect(ids.count == 85 && Set(ids).count == 85)
        await directory.close()
    }

    @Test("A company has at most a quarter of the slots; another one finds room at once")
    func perCompany() async throws {
        let latch = Latch()
        let receiver = try await Receiver { request, _ in request.eventName == "free" ? .status(200) : .held(latch) }
        let directory = try fixture.openDirectory()
        for index in 0..<20 {
            _ = try await fixture.webhook(.eventCreated, "http://h\(index).example:\(receiver.port)/", directory)
        }
        let free = "http://free.example:\(receiver.port)/"
        _ = try await directory.createWebhook([.eventCreated], endpoint: free, event: nil, company: "globex")
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.arrivals.next(8).count == 8)
            // Anything that could start a ninth message has run once another company's message arrives.
            _ = try await fixture.makeEvent(directory, "free", company: "globex")
            #expect(await receiver.arrivals.next(1).first?.eventName == "free")
            #expect(receiver.received.count == 9)
            latch.open()
            #expect(await receiver.arrivals.next(12).count == 12)
        }
        await directory.close()
    }

    @Test("An endpoint that has failed for a day is switched off with a warning, and on again by its company")
    func switchedOff() async throws {
        let receiver = try await Receiver { _, before in .status(before < 12 ? 500 : 200) }
        let directory = try fixture.openDirectory()
        let webhook = try await fixture.webhook(.eventCreated, "http://h.example:\(receiver.port)/secret", directory)
        for name in ["one", "two"] { _ = try await fixture.makeEvent(directory, name) }
        guard case .message(let head) = try await directory.nextMessage(for: webhook, at: fixture.now) else {
            throw Unexpected(what: "no message")
        }
        try await directory.retry(head, at: fixture.now, reason: "answered 500")
        fixture.advance(24 * 3_600_000)
        // Younger than a day, so that it is not given up.
        _ = try await fixture.makeEvent(directory, "three")
        try await fixture.running(try fixture.delivery(directory, wait: 1)) {
            for await line in fixture.log.lines.stream where line.contains("switched off") { break }
            #expect(directory.webhook(webhook.id, company: "acme")?.isEnabled == false)
            // The failures of the day before count.
            #expect(receiver.received.count >= 11)
            let off = try #require(directory.webhook(webhook.id, company: "acme"))
            #expect(off.disabledBy == .failures && off.lastError == "answered 500" && off.failingSince != nil)
            #expect(!fixture.log.text.contains("/secret"))
            // Silence proves nothing; the next message that arrives shows which ones were not sent.
            _ = try await fixture.makeEvent(directory, "meanwhile")
            _ = try await directory.switchWebhook(webhook.id, company: "acme", isOn: true)
            _ = try await fixture.makeEvent(directory, "after")
            for await request in receiver.arrivals where request.eventName == "after" { break }
        }
        #expect(!receiver.received.contains { $0.eventName == "meanwhile" })
        await directory.close()
    }

    @Test("A webhook that its company switches on is delivered to at once, however long its endpoint was to rest")
    func hastened() async throws {
        let receiver = try await Receiver { _, before in .status(before < 2 ? 500 : 200) }
        let directory = try fixture.openDirectory()
        let webhook = try await fixture.webhook(.eventCreated, "http://h.example:\(receiver.port)/", directory)
        for name in ["one", "two"] { _ = try await fixture.makeEvent(directory, name) }
        try await fixture.running(try fixture.delivery(directory, wait: 3_600_000)) {
            #expect(await receiver.arrivals.next(2).count == 2)
            // It may arrive again if it came before the failures were recorded.
            while receiver.received.count < 3 {
                _ = try await directory.switchWebhook(webhook.id, company: "acme", isOn: true)
            }
            #expect(await receiver.arrivals.next(2).count == 2)
        }
        #expect(receiver.received.count == 4)
        await directory.close()
    }

    @Test("A message is given up a day after it was made, with a warning that contains neither body, secret nor path")
    func givenUp() async throws {
        let receiver = try await Receiver { _, _ in .status(500) }
        let directory = try fixture.openDirectory()
        let endpoint = "http://hook.example:\(receiver.port)/path-secret?key=query-secret"
        let webhook = try await fixture.webhook(.eventCreated, endpoint, directory)
        _ = try await fixture.makeEvent(directory, "name-secret")
        fixture.advance(24 * 3_600_000)
        try await fixture.running(try fixture.delivery(directory, wait: 1)) {
            for await line in fixture.log.lines.stream where line.hasPrefix("warning") { break }
        }
        #expect(receiver.received.count == 12)
        #expect(try await fixture.next(webhook, directory) == nil)
        let text = fixture.log.text
        #expect(text.contains("hook.example") && text.contains(webhook.id) && text.contains("answered 500"))
        for secret in ["path-secret", "query-secret", "name-secret", webhook.secret.text] {
            #expect(!text.contains(secret))
        }
        await directory.close()
    }

    @Test("Stopping does not wait for hanging messages, which are delivered after the next start")
    func cancelled() async throws {
        let receiver = try await Receiver { _, before in before == 0 ? .silence : .status(200) }
        let directory = try fixture.openDirectory()
        let webhook = try await fixture.webhook(.eventCreated, "http://hook.example:\(receiver.port)/", directory)
        let clock = ContinuousClock()
        var stopped = clock.now
        try await fixture.running(try fixture.delivery(directory)) {
            _ = try await fixture.makeEvent(directory)
            #expect(await receiver.arrivals.next(1).count == 1)
            stopped = clock.now
        }
        #expect(clock.now - stopped < .seconds(60))
        #expect(try await fixture.next(webhook, directory)?.attempts == 0)
        try await fixture.running(try fixture.delivery(directory)) {
            #expect(await receiver.arrivals.next(1).count == 1)
        }
        await directory.close()
    }
}

extension Milliseconds {
    /// Of seconds: the milliseconds, at most an hour.
    fileprivate var bounded: Milliseconds { Swift.min(self * 1000, Directory.farthestRetry) }
}
