import Basics
import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("run --take-over: a new process takes the place of the running one")
    struct HandOverTests {
        @Test("Under load, no connection is refused and no request is lost, and each former process ends with 0")
        func load() throws {
            let site = try Site.drainingSoon()
            let load = Load(port: site.port)
            for _ in 0..<3 {
                load.awaitRequests(100)
                let former = try site.gateway.takeOver()
                load.awaitRequests(100)
                #expect(former.wait(within: 20) == 0)
            }
            load.end()
            #expect(load.failures == [])
        }

        @Test("Sockets are passed on by their address, Unix ones too; others are closed, and new ones opened")
        func addresses() throws {
            let directory = try TemporaryDirectory()
            let ports = try Listener.freePorts(2)
            func listener(_ address: String) -> String { "[[listener]]\naddress = \"\(address)\"\n" }
            let (kept, gone, new) = (directory["kept"], "127.0.0.1:\(ports[0])", "127.0.0.1:\(ports[1])")
            let site = try Site.drainingSoon { $0.top += "\n" + listener("unix:\(kept)") + listener(gone) }
            let inode = try FileManager.default.attributesOfItem(atPath: kept)[.systemFileNumber] as? Int
            try site.gateway.rewrite(
                site.configuration { $0.top = "drain_timeout = \"2s\"\n" + listener("unix:\(kept)") + listener(new) }
            )
            let former = try site.gateway.takeOver()
            #expect(try Client(path: kept).exchange("/.gateway/healthz").status == 200)
            #expect(try FileManager.default.attributesOfItem(atPath: kept)[.systemFileNumber] as? Int == inode)
            #expect(try fetch(ports[1], "/.gateway/healthz").status == 200)
            // Closed once the former process drains.
            #expect(eventually { (try? Client(port: ports[0])) == nil })
            #expect(try fetch(site.gateway.adminPort, "/readyz").status == 200)
            #expect(former.wait(within: 20) == 0)
        }

        @Test("A process that cannot start says why, and the running one goes on")
        func failure() throws {
            let taken = try RecordingUpstream()
            let site = try Site.drainingSoon()
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/x").status == 200)
            try site.gateway.rewrite(
                site.configuration { $0.top = "[[listener]]\naddress = \"127.0.0.1:\(taken.port)\"" }
            )
            let pid = site.gateway.pid
            let next = try site.gateway.startSuccessor()
            #expect(next.wait(within: 20) == 1)
            #expect(site.gateway.log.contains("listener[0].address: cannot listen on 127.0.0.1:\(taken.port)"))
            #expect(eventually { site.gateway.log.contains("process \(next.pid) did not take over") })
            #expect(try client.exchange("/public/x").status == 200)
            #expect(site.gateway.isRunning && site.gateway.pid == pid)
            // The next one can.
            try site.gateway.rewrite(site.configuration { $0.top = "drain_timeout = \"2s\"" })
            #expect(try site.gateway.takeOver().wait(within: 20) == 0)
            #expect(try fetch(site.port, "/public/x").status == 200)
        }

        @Test("A process that is told to stop before it took over ends, and the running one goes on")
        func stopped() throws {
            let keys = try HeldKeySet()
            defer { keys.answer() }
            let site = try Site.drainingSoon()
            let pid = site.gateway.pid
            try site.gateway.rewrite(
                site.configuration {
                    $0.top = "drain_timeout = \"2s\""
                    $0.company = keys.key
                }
            )
            let next = try site.gateway.startSuccessor()
            #expect(keys.awaitFetch())
            next.send(SIGTERM)
            #expect(next.wait(within: 20) == 1)
            #expect(eventually { site.gateway.log.contains("process \(next.pid) did not take over") })
            #expect(try fetch(site.port, "/public/x").status == 200)
            #expect(site.gateway.isRunning && site.gateway.pid == pid)
        }

        @Test("Where no gateway runs, the new process says so and ends")
        func nobody() throws {
            let site = try Site.drainingSoon()
            site.gateway.end()
            let next = try site.gateway.startSuccessor()
            #expect(next.wait(within: 20) == 1)
            #expect(site.gateway.log.contains("no gateway to take over from waits at"))
        }

        @Test(
            "Sessions stay as they are: the active one, the replaced one, and the one that was kicked for good",
            arguments: ["take_over", "refuse"]
        )
        func sessions(secondJoin: String) throws {
            let site = try Site.drainingSoon { $0.sessions = "second_join = \"\(secondJoin)\"" }
            func join(_ registration: String) throws -> Response {
                try fetch(site.port, "/event/e1", ["Authorization: Bearer \(Minter.acme.registration(registration))"])
            }
            func status(_ session: String) throws -> Int {
                try fetch(site.port, "/event/e1", ["Gateway-Session: \(session)"]).status
            }
            let joined = try (0..<20).map { try #require(try join("r\($0)")["Gateway-Session"]) }
            let second = try join("r0")
            #expect(second.status == (secondJoin == "refuse" ? 409 : 200))
            let kicked = try #require(try join("kicked")["Gateway-Session"])
            let kick = try fetch(site.gateway.adminPort, "/sessions?registration=kicked", method: "DELETE")
            #expect(kick.status == 200)
            #expect(try status(kicked) == 403)
            func list() throws -> [String] {
                let found = try fetch(site.gateway.adminPort, "/sessions?limit=100").json()["sessions"]?.list ?? []
                return found.compactMap { $0["session"]?.text }.sorted()
            }
            let before = try list()
            #expect(before.count == 20)
            for _ in 0..<2 {
                let former = try site.gateway.takeOver()
                #expect(try list() == before)
                #expect(try status(kicked) == 403)
                for (index, session) in joined.enumerated() {
                    #expect(try status(session) == (index == 0 && secondJoin == "take_over" ? 409 : 200))
                }
                #expect(try join("r1").status == (secondJoin == "refuse" ? 409 : 200))
                if secondJoin == "take_over" { break }
                #expect(former.wait(within: 20) == 0)
            }
        }

        @Test("A connection to the former process learns what has happened at the new one, and the reverse")
        func bothProcesses() throws {
            let site = try Site.drainingSoon { $0.top = "drain_timeout = \"20s\"" }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            func bearer(_ registration: String) -> String {
                "Authorization: Bearer \(Minter.acme.registration(registration))"
            }
            let old = try (0..<3).map { _ in try Client(port: site.port) }
            let first = try old.map { client in
                try #require(try client.exchange("/event/e1", [bearer("r1")])["Gateway-Session"])
            }
            let socket = try Client(port: site.port)
            let opened = try socket.openWebSocket("/event/e1/ws", [bearer("r2")])
            #expect(opened.status == 101)
            let former = try site.gateway.takeOver()
            // Replaced at the new process: refused at the former one, and its stream ends.
            let next = try #require(try fetch(site.port, "/event/e1", [bearer("r1")])["Gateway-Session"])
            let refused = try old[0].exchange("/event/e1", ["Gateway-Session: \(first[2])"])
            try expectProblem(refused, 409, "session_replaced")
            #expect(refused["Connection"] == "close")
            #expect(try fetch(site.port, "/event/e1", [bearer("r2")]).status == 200)
            socket.reader.patience = 20
            let frames = try WebSocketEnd(socket.reader, isClient: true).remainder().map(\.close)
            #expect(frames == ["4409 session_replaced"] || frames == ["1001 draining"])
            // Joined at the former process: the new one knows.
            let last = try #require(try old[1].exchange("/event/e1", [bearer("r1")])["Gateway-Session"])
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(next)"]).status == 409)
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(last)"]).status == 200)
            former.cutDrain()
            #expect(former.wait(within: 20) == 0)
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(last)"]).status == 200)
        }

        @Test("The control API loses no answered call, answers 503 while it moves, and nobody arrives twice or departs")
        func control() throws {
            let site = try Site.drainingSoon { $0.control = "" }
            var backend = try Backend.signedIn(site)
            let event = try backend.createEvent("Moved")
            let registered = try backend.register("ada@example.com", for: event)
            let browser = Browser(site)
            #expect(try browser.open(registered.target).status == 200)
            let isOver = Flag()
            let (created, faults) = (Notes(), Notes())
            let group = DispatchGroup()
            group.enter()
            let (port, token) = (site.port, backend.token)
            Thread.detachNewThread {
                let backend = Backend(port: port)
                backend.token = token
                while !isOver.isSet {
                    do {
                        let name = "Event \(created.all.count)"
                        let answer = try backend.call("POST", "/event/create", backend.newEvent(name))
                        if answer.status == 503, answer["Retry-After"] != nil { continue }
                        if answer.status >= 300 { faults.add("\(answer.status) \(answer.text)") }
                        if let uid = try answer.json()["uid"]?.text { created.add(uid) }
                    } catch {
                        faults.add("\(error)")
                    }
                }
                group.leave()
            }
            for _ in 0..<2 {
                let count = created.all.count
                #expect(eventually { created.all.count > count + 5 })
                #expect(try site.gateway.takeOver().wait(within: 20) == 0)
                #expect(try browser.fetch("/event/\(event)/poll").status == 200)
            }
            isOver.set()
            group.wait()
            #expect(faults.all == [])
            // Its connection was closed with a former process.
            backend = Backend(port: site.port)
            backend.token = token
            for uid in created.all { #expect(try backend.call("GET", "/event/\(uid)").status == 200) }
            let leave = try browser.fetch(
                "/.gateway/leave?event=\(event)",
                "POST",
                ["Origin: http://localhost:\(site.port)"]
            )
            #expect(leave.status < 300)
            let isRecorded = try eventually {
                let people = try backend.ask("GET", "/event/\(event)/analytics")["participants"]?.list ?? []
                guard people.count == 1, people[0]["lastLeave"]?.text != nil else { return false }
                return people[0]["joins"] == 1
            }
            #expect(isRecorded)
        }

        @Test("SIGUSR2 makes a gateway start its own successor")
        func signal() throws {
            let site = try Site.drainingSoon()
            let pid = site.gateway.pid
            site.gateway.send(SIGUSR2)
            #expect(site.gateway.wait(within: 20) == 0)
            #expect(try fetch(site.port, "/public/x").status == 200)
            let words = site.gateway.log.components(separatedBy: "was replaced by process ")
            let next = try #require(words.count == 2 ? pid_t(words[1].prefix { $0.isNumber }) : nil)
            #expect(next != pid)
            Cleanup.shared.add(process: next)
            defer {
                kill(next, SIGKILL)
                Cleanup.shared.remove(process: next)
            }
            #expect(site.gateway.log.contains("process \(next) took over from process \(pid)"))
        }

        @Test("A WebSocket at the former process is told to come back, and an exchange in progress finishes there")
        func streams() throws {
            let site = try Site.drainingSoon()
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let isUnderWay = Flag()
            let mayFinish = Flag()
            site.upstream.on("/public/long") { exchange in
                isUnderWay.set()
                _ = eventually { mayFinish.isSet }
                return try exchange.reply("200 OK", [], "done")
            }
            let long = try Client(port: site.port)
            long.send("GET /public/long HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { isUnderWay.isSet })
            let socket = try Client(port: site.port)
            let opened = try socket.openWebSocket("/event/e1/ws?token=\(Minter.acme.registration("r1"))")
            #expect(opened.status == 101)
            let former = try site.gateway.takeOver()
            socket.reader.patience = 20
            let frames = try WebSocketEnd(socket.reader, isClient: true).remainder()
            #expect(frames.map(\.close) == ["1001 draining"])
            #expect(former.exitStatus == nil)
            mayFinish.set()
            #expect(try long.response().text == "done")
            #expect(former.wait(within: 20) == 0)
        }
    }
}

/// Texts that several threads write.
private final class Notes: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func add(_ text: String) { texts.withLock { $0.append(text) } }
}

/// Clients that send one request after the other, on new connections and on old ones.
private final class Load: Sendable {
    private let port: UInt16
    private let isOver = Flag()
    private let answered = Counter()
    private let faults = Notes()
    private let group = DispatchGroup()

    /// What was not answered as it should be.
    var failures: [String] { faults.all }

    init(port: UInt16) {
        self.port = port
        for index in 0..<8 {
            group.enter()
            let thread = Thread { [self] in
                if index < 4 { connectAnew() } else { keepAlive() }
                group.leave()
            }
            thread.stackSize = 1 << 19
            thread.start()
        }
    }

    /// Waits until that many more requests were answered.
    func awaitRequests(_ count: Int) {
        let before = answered.count
        #expect(eventually { answered.count >= before + count })
    }

    func end() {
        isOver.set()
        group.wait()
    }

    private func connectAnew() {
        while !isOver.isSet { attempt { check(try fetch(port, "/public/x")) } }
    }

    private func keepAlive() {
        var client: Client?
        while !isOver.isSet {
            let isKept = attempt {
                let open = try client ?? Client(port: port)
                client = open
                let response = try open.exchange("/public/x")
                check(response)
                if response["Connection"] == "close" { client = nil }
            }
            if !isKept { client = nil }
        }
    }

    @discardableResult
    private func attempt(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            faults.add("\(error)")
            return false
        }
    }

    private func check(_ response: Response) {
        if response.status == 200 { answered.add() } else { faults.add("\(response.status)") }
    }
}
