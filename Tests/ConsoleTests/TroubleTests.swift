import Basics
import DataPlane
import Directory
import Synchronization
import Testing

@testable import Console

/// What the console says when something is wrong.
@Suite struct TroubleTests {
    private let desk = Desk()

    private func post(_ path: String, _ form: String, _ cookie: String) async throws -> ConsoleAnswer {
        await desk.call(.post, path, "key=\(try await desk.key(cookie))&\(form)", cookie: cookie)
    }

    // MARK: The overview

    @Test("The overview begins with what is wrong and since when, and with nothing if nothing is")
    func alarms() async throws {
        let cookie = try await desk.signIn()
        let well = await desk.call(.get, "/console/", cookie: cookie).text
        #expect(well.matches(of: /<li data-row="alarm\.[a-z.0-9]+" hidden>/).count == 7)
        #expect(well.matches(of: /<li data-row="alarm\.[a-z.0-9]+">/).isEmpty)
        desk.gateway.adjust.value = { vitals in
            vitals.isReady = false
            vitals.upstreams[0].servers[0].state = .down
            vitals.upstreams[0].servers[0].reason = "refused <b>"
            vitals.upstreams[0].servers[0].downSince = start - 1000
            vitals.reloads.hasSucceeded = false
            vitals.reloads.failedAt = start
            vitals.unusableFiles = .init(count: 1, problems: ["tls.key_file: it is gone"])
        }
        desk.records.fault.withLock { $0 = .full }
        let ill = await desk.call(.get, "/console/", cookie: cookie).text
        let shown = ill.matches(of: /<li data-row="alarm[^"]+"><span data-live="[^"]+">([^<]+)</).map { String($0.1) }
        #expect(
            shown == [
                "No healthy upstream: viewers get errors", "Upstream embed-host: no server is left",
                "embed-host: 127.0.0.1:1 is down since 2026-11-18 11:06:39 UTC: refused &lt;b&gt;",
                "Database: the disk is full: make room on it",
                "The last reload of the configuration failed at 2026-11-18 11:06:40 UTC: the page Configuration says why",
                "A file has changed and cannot be used: the page Configuration says why",
            ]
        )
        let (alarms, tiles) = (ill.firstMatch(of: /class="alarms"/), ill.firstMatch(of: /class="tiles"/))
        #expect(try #require(alarms).range.lowerBound < #require(tiles).range.lowerBound)
    }

    @Test("A drained upstream has no server left; a process that stops says that, and no more")
    func draining() {
        var vitals = Vitals()
        vitals.upstreams = [Vitals.UpstreamEntry(name: "u", servers: [.init(name: "s", state: .drained)])]
        (vitals.isDraining, vitals.isReady) = (true, false)
        let texts = Overview(vitals: vitals, history: History()).alarms.map(\.text).filter { !$0.isEmpty }
        #expect(texts.count == 2 && texts[0].hasPrefix("Draining") && texts[1] == "Upstream u: no server is left")
    }

    // MARK: The event stream

    @Test("A page can ask why it gets no stream: it is signed out, or too many watch")
    func noStream() async throws {
        #expect(await desk.call(.head, "/console/events").status == 401)
        let cookie = try await desk.signIn()
        let answer = await desk.call(.head, "/console/events", cookie: cookie)
        #expect(answer.status == 200 && answer.pieces == nil && answer["X-Accel-Buffering"] == "no")
        let watchers = (0..<Feed.maxWatchers).map { _ in desk.console.feed.watch() }
        #expect(await desk.call(.head, "/console/events", cookie: cookie).status == 503)
        #expect(await desk.call(.get, "/console/events", cookie: cookie).status == 503)
        withExtendedLifetime(watchers) {}
    }

    // MARK: Reloads

    @Test("A failed reload shows why, as text and bounded, and leads to the log")
    func failedReload() async throws {
        let cookie = try await desk.signIn()
        let reloads = desk.reloads
        desk.gateway.adjust.value = { vitals in
            guard reloads.value > 0 else { return }
            (vitals.reloads.failures, vitals.reloads.hasSucceeded) = (1, false)
            vitals.reloads.failedAt = start
            vitals.reloads.problems = ["line 3: <b> is no key"] + (1...100).map { "line \($0)" }
        }
        let answer = try await post("/console/configuration/reload", "", cookie)
        #expect(answer["Location"] == "/console/configuration?done=refused")
        let page = await desk.call(.get, "/console/configuration?done=refused", cookie: cookie).text
        #expect(page.contains("line 3: &lt;b&gt; is no key") && page.contains("and 51 more"))
        #expect(page.contains("href=\"/console/log?level=warning&amp;q=reload\"") && page.contains("11:06:40"))
    }

    @Test("What waits for the next start is listed after a reload, and does not count as loaded")
    func partialReload() async throws {
        let cookie = try await desk.signIn()
        let reloads = desk.reloads
        desk.gateway.adjust.value = { vitals in
            vitals.reloads.successes = reloads.value
            if reloads.value > 0 { vitals.reloads.waiting = ["server.workers"] }
        }
        let answer = try await post("/console/configuration/reload", "", cookie)
        #expect(answer["Location"] == "/console/configuration?done=partly")
        let page = await desk.call(.get, "/console/configuration?done=partly", cookie: cookie).text
        #expect(page.contains("but for what waits for the next start") && page.contains("<bdi>server.workers</bdi>"))
    }

    // MARK: The database

    @Test("A removal that the database cannot store says why, that the session goes on, and how to end it")
    func lockedRemoval() async throws {
        desk.gateway.join(1)
        desk.gateway.fault.value = StorageFault.locked
        let cookie = try await desk.signIn()
        let answer = try await post(
            "/console/sessions/remove",
            "session=0000000000000001&how=good&whom=user&reason=Spam",
            cookie
        )
        #expect(answer.status == 503 && desk.gateway.deeds.withLock { $0 } == [])
        for words in ["another process keeps it locked", "the session goes on", "Ending it needs no database", "Spam"] {
            #expect(answer.text.contains(words), "\(words)")
        }
        for path in ["/console/removals", "/console/removals?done=removed"] {
            #expect(await desk.call(.get, path, cookie: cookie).text.contains("another process keeps it locked"))
        }
    }

    @Test("A session that has ended is said to have ended, also if the database could not take that down")
    func lockedEnd() async throws {
        desk.gateway.join(1)
        desk.gateway.fault.value = StorageFault.locked
        let cookie = try await desk.signIn()
        let answer = try await post("/console/sessions/remove", "session=0000000000000001&how=session", cookie)
        #expect(answer["Location"] == "/console/sessions?done=ended-unstored")
        let page = await desk.call(.get, "/console/sessions?done=ended-unstored", cookie: cookie).text
        #expect(page.contains("The session was ended. That could not be stored"))
    }

    // MARK: Draining

    @Test("Taking out the last server of an upstream asks first, and another one does not")
    func lastServer() async throws {
        let cookie = try await desk.signIn()
        let drain = "upstream=embed-host&server=127.0.0.1:1&state=drain"
        let question = try await post("/console/upstreams", drain, cookie)
        #expect(question.status == 409 && question.text.contains("502 or 503"))
        #expect(desk.gateway.deeds.withLock { $0 } == [])
        #expect(try await post("/console/upstreams", drain + "&sure=yes", cookie).status == 303)
        for (state, status) in [(Vitals.ServerEntry.State.up, 303), (.down, 409), (.drained, 409)] {
            desk.gateway.adjust.value = { $0.upstreams[0].servers.append(.init(name: "127.0.0.1:2", state: state)) }
            #expect(try await post("/console/upstreams", drain, cookie).status == status, "\(state)")
        }
        #expect(
            try await post("/console/upstreams", "upstream=embed-host&server=none&state=drain", cookie).status == 303
        )
    }
}
