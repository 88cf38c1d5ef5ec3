import Basics
import Dispatch
import NIOCore
import Synchronization
import TestSupport
import Testing
import Transport

@testable import ControlPlane

@Suite("Looking up webhooks' hosts")
struct AddressResolverTests {
    @Test("The system's look-up finds addresses, and reports if there are none")
    func system() async throws {
        let resolver = AddressResolver()
        let local = try await resolver.addresses(of: "localhost", port: 80, for: "acme")
        #expect(local.contains { $0.ipAddress == "127.0.0.1" || $0.ipAddress == "::1" })
        #expect(local.allSatisfy { $0.port == 80 })
        await #expect(throws: AddressResolver.NoSuchHost.self) {
            try await resolver.addresses(of: "nothing.invalid", port: 80, for: "acme")
        }
    }

    @Test("Addresses are their own answer, and nobody is asked", arguments: ["127.0.0.1", "::1", "203.0.113.7"])
    func addresses(text: String) async throws {
        let resolver = AddressResolver { host, _ in
            Issue.record("asked for \(host)")
            return .failed("")
        }
        let addresses = try await resolver.addresses(of: text, port: 443, for: "acme")
        #expect(addresses.map(\.ipAddress) == [text] && addresses.map(\.port) == [443])
    }

    @Test(
        "Attack: a company's names are never answered; they block few threads, and others' names are looked up at once",
        .timeLimit(.minutes(5))
    )
    func silence() async throws {
        let silence = DispatchSemaphore(value: 0)
        let silent = Atomic(0)
        let resolver = AddressResolver { host, port in
            guard host.hasSuffix("silent.example") else { return .found([.v4([198, 41, 0, 4], port: port)]) }
            silent.add(1, ordering: .relaxed)
            silence.wait()
            return .failed("nobody knows")
        }
        try await withThrowingTaskGroup(of: DeliveryFault?.self) { group in
            for number in 0..<64 {
                group.addTask {
                    do {
                        _ = try await resolver.addresses(of: "h\(number).silent.example", port: 443, for: "evil")
                    } catch is AddressResolver.NoSuchHost {
                    } catch {
                        return error as? DeliveryFault
                    }
                    return nil
                }
            }
            try await waitUntil("threads block") { silent.load(ordering: .relaxed) == 4 }
            for _ in 0..<100 {
                let found = try await resolver.addresses(of: "hook.example", port: 443, for: "acme")
                #expect(found.map(\.ipAddress) == ["198.41.0.4"])
            }
            // Those that wait for too long are told so, and never block a thread.
            for _ in 0..<60 {
                let fault = try #require(try await group.next())
                #expect(fault == .namesWait(isOwn: true))
            }
            #expect(silent.load(ordering: .relaxed) == 4)
            for _ in 0..<4 { silence.signal() }
            for try await fault in group { #expect(fault == nil) }
        }
    }
}
