import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("run --take-over: a new process takes the place of the running one")
    struct HandOverTests {
        private func site(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> Site {
            try Site {
                $0.top = "drain_timeout = \"2s\""
                adjust(&$0)
            }
        }

        @Test("Under load, no connection is refused and no request is lost, and each former process ends with 0")
        func load() throws {
            let site = try site()
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
            let site = try site { $0.top += "\n" + listener("unix:\(kept)") + listener(gone) }
            let inode = try FileManager.default.attributesOfItem(atPath: kept)[.systemFileNumber] as? Int
            try site.gateway.rewrite(
                site.configuration { $0.top = "drain_timeout = \"2s\"\n" + listener("unix:\(kept)") + listener(new) }
            )
            let former = try site.gateway.takeOver()
            #expect(try Client(path: kept).exchange("/.gateway/healthz").status == 200)
            #expect(try FileManager.default.attributesOfItem(atPath: kept)[.systemFileNumber] as? Int == inode)
            #expect(try fetch(ports[1], "/.gateway/healthz").status == 200)
            #expect(throws: (any Error).self) { try Client(port: ports[0]) }
            #expect(try fetch(site.gateway.adminPort, "/readyz").status == 200)
            #expect(former.wait(within: 20) == 0)
        }

        @Test("A process that cannot start says why, and the running one goes on")
        func failure() throws {
            let taken = try RecordingUpstream()
            let site = try site()
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/x").status == 200)
            try site.gateway.rewrite(
                site.configuration { $0.top = "[[listener]]\naddress = \"127.0.0.1:\(taken.port)\"" }
            )
            let pid = site.gateway.pid
            let next = try site.gateway.startSuccessor()
            #expect(next.wait(within: 20) == 1)
            #expect(site.gateway.log.contains("listener[0].address: cannot listen on 127.0.0.1:\(taken.port)"))
            #expect(eventually { site.gateway.log.contains("a new process did not take over") })
            #expect(try client.exchange("/public/x").status == 200)
            #expect(site.gateway.isRunning && site.gateway.pid == pid)
            // The next one can.
            try site.gateway.rewrite(site.configuration { $0.top = "drain_timeout = \"2s\"" })
            #expect(try site.gateway.takeOver().wait(within: 20) == 0)
            #expect(try fetch(site.port, "/public/x").status == 200)
        }

        @Test("Where no gateway runs, the new process says so and ends")
        func nobody() throws {
            let site = try site()
            site.gateway.end()
            let next = try site.gateway.startSuccessor()
            #expect(next.wait(within: 20) == 1)
            #expect(site.gateway.log.contains("no gateway to take over from waits at"))
        }

        @Test("A WebSocket at the former process is told to come back, and an exchange in progress finishes there")
        func streams() throws {
            let site = try site()
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

/// Clients that send one request after the other, on new connections and on old ones.
private final class Load: Sendable {
    private let port: UInt16
    private let isOver = Flag()
    private let answered = Counter()
    private let faults = Mutex<[String]>([])
    private let group = DispatchGroup()

    /// What was not answered as it should be.
    var failures: [String] { faults.withLock { $0 } }

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
            faults.withLock { $0.append("\(error)") }
            return false
        }
    }

    private func check(_ response: Response) {
        if response.status == 200 { answered.add() } else { faults.withLock { $0.append("\(response.status)") } }
    }
}
