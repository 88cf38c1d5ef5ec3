import Basics
import Foundation
import JOSE
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Two backends register the same e-mail at the same instant")
    struct OneRegistrationTests {
        @Test("In a thousand rounds, exactly one of them gets 200, the other 409", .timeLimit(.minutes(2)))
        func race() throws {
            let rounds = 1000
            let site = try Site { $0.control = "" }
            let backends = try (0..<2).map { _ in try Backend.signedIn(site) }
            let event = try backends[0].createEvent()
            let tokens = backends.compactMap(\.token)
            let start = Rendezvous(2)
            let statuses = Mutex([[Int]](repeating: [], count: 2))
            inParallel(2) { side in
                let backend = Backend(port: site.port)
                backend.token = tokens[side]
                for round in 0..<rounds {
                    let email = "viewer\(round)@example.com"
                    let body: JSONValue = [
                        "name": .string("Backend \(side)"), "email": .string(side == 0 ? email : email.uppercased()),
                    ]
                    start.wait()
                    let response = try? backend.call("POST", "/event/\(event)/registrant", body)
                    statuses.withLock { $0[side].append(response?.status ?? 0) }
                }
            }
            let pairs = statuses.withLock { Array(zip($0[0], $0[1])) }
            #expect(pairs.count == rounds)
            let wrong = pairs.filter { Set([$0.0, $0.1]) != [200, 409] }
            #expect(wrong.isEmpty, "\(wrong.prefix(5))")
            // Otherwise they did not arrive at the same instant.
            let won = pairs.count { $0.0 == 200 }
            #expect((1..<rounds).contains(won), "the first backend won \(won) times")
            var names: Set<String> = []
            var path: String? = "/event/\(event)/registrants?limit=500"
            while let next = path {
                let page = try backends[0].call("GET", next)
                for person in try page.json().list ?? [] { names.insert(person["email"]?.text?.lowercased() ?? "") }
                path = page.nextPage
            }
            #expect(names.count == rounds)
        }
    }
}

/// Lets threads continue together.
final class Rendezvous: Sendable {
    private let count: Int
    private let arrived = Atomic<Int>(0)

    init(_ count: Int) { self.count = count }

    func wait() {
        let number = arrived.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
        let all = (number / count + 1) * count
        while arrived.load(ordering: .acquiring) < all { sched_yield() }
    }
}

extension Response {
    /// Path and query of the next page of a list.
    var nextPage: String? {
        guard let link = self["Link"], link.hasSuffix(">; rel=\"next\""), link.hasPrefix("<") else { return nil }
        return String(link.dropFirst().prefix { $0 != ">" })
    }
}
