import Basics
import Dispatch
import Synchronization
import Testing

@testable import Transport

@Suite("Host names")
struct ResolverTests {
    /// Resolves names and runs turns until the answers have arrived.
    private func ask(_ resolver: Resolver, _ hosts: [String], port: UInt16 = 80) throws -> [Resolver.Outcome] {
        let loop = try EventLoop()
        defer { loop.end() }
        let answers = Mutex<[Int: Resolver.Outcome]>([:])
        for (index, host) in hosts.enumerated() {
            resolver.resolve(host, port: port, for: loop.mailbox) { outcome, loop in
                #expect(loop.mailbox.isOnLoop)
                answers.withLock { $0[index] = outcome }
            }
        }
        while answers.withLock({ $0.count }) < hosts.count { loop.turn(waitingAtMost: 10) }
        return answers.withLock { answers in hosts.indices.compactMap { answers[$0] } }
    }

    @Test("Addresses are their own answer, and nobody is asked", .timeLimit(.minutes(5)))
    func addresses() throws {
        let resolver = Resolver { host, _ in
            Issue.record("asked for \(host)")
            return .failed("")
        }
        let answers = try ask(resolver, ["127.0.0.1", "::1"], port: 443)
        #expect(answers[0] == .found([.v4([127, 0, 0, 1], port: 443)]))
        #expect(answers[1] == .found([.v6([UInt8](repeating: 0, count: 15) + [1], port: 443, scope: 0)]))
    }

    @Test("The system resolves names; its error text says why there is no answer", .timeLimit(.minutes(5)))
    func system() throws {
        let answers = try ask(Resolver(), ["localhost", "no-such-name.invalid"])
        guard case .found(let addresses) = answers[0], case .failed(let reason) = answers[1] else {
            Issue.record("\(answers)")
            return
        }
        #expect(addresses.allSatisfy { $0.port == 80 } && !addresses.isEmpty)
        #expect(!reason.isEmpty)
    }

    @Test("The same question is asked once, and a silent name does not block others", .timeLimit(.minutes(5)))
    func sharesQuestions() throws {
        let asked = Mutex<[String]>([])
        let silence = DispatchSemaphore(value: 0)
        let resolver = Resolver { host, port in
            asked.withLock { $0.append(host) }
            if host == "silent" { silence.wait() }
            return .found([.v4([10, 0, 0, 1], port: port)])
        }
        let loop = try EventLoop()
        defer { loop.end() }
        let answers = Atomic<Int>(0)
        for _ in 0..<5 {
            resolver.resolve("silent", port: 1, for: loop.mailbox) { _, _ in
                answers.wrappingAdd(1, ordering: .relaxed)
            }
        }
        _ = try ask(resolver, ["quick"])
        #expect(answers.load(ordering: .relaxed) == 0)
        silence.signal()
        while answers.load(ordering: .relaxed) < 5 { loop.turn(waitingAtMost: 10) }
        #expect(asked.withLock { $0.sorted() } == ["quick", "silent"])
    }

    @Test("More names than threads are all answered", .timeLimit(.minutes(5)))
    func manyNames() throws {
        let resolver = Resolver { _, port in .found([.v4([10, 0, 0, 1], port: port)]) }
        #expect(try ask(resolver, (0..<100).map { "name\($0)" }).count == 100)
    }
}
