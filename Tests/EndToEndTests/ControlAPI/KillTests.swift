import Basics
import Foundation
import JOSE
import Synchronization
import Testing

extension EndToEnd {
    /// `GATEWAY_KILLS` and `GATEWAY_WRITES` make it longer: 50 and 10,000 for the full measure.
    @Suite("A successful answer means that the change is on disk")
    struct KillTests {
        private static func number(_ name: String, _ standard: Int) -> Int {
            ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? standard
        }

        @Test(
            "SIGKILL at random moments while backends write: answered changes are there afterwards, and the file is intact",
            .timeLimit(.minutes(30))
        )
        func kills() throws {
            let (kills, writes) = (Self.number("GATEWAY_KILLS", 10), Self.number("GATEWAY_WRITES", 2000))
            var random = SplitMix64(seed: UInt64(Self.number("GATEWAY_SEED", 1)))
            let site = try Site {
                $0.control = ""
                $0.log = "access = false"
            }
            let file = site.gateway.directory["gateway.conf"]
            let token = try #require(try Backend.signedIn(site).token)
            let writers = (0..<4).map { KillWriter(number: $0, port: site.port, token: token, seed: random.next()) }
            for writer in writers { try writer.begin() }
            for round in 1...kills {
                let answered = Counter()
                // On average, as many as are due by then.
                let due = writes * round / kills - writers.reduce(0) { $0 + $1.answered }
                let limit = Int.random(in: 0...max(2 * due, 1), using: &random)
                let delay = UInt32.random(in: 0..<5000, using: &random)
                let isOver = Flag()
                Thread.detachNewThread {
                    _ = eventually(within: 60) { answered.count >= limit }
                    usleep(delay)
                    site.gateway.end()
                    isOver.set()
                }
                inParallel(writers.count) { writers[$0].write(until: { isOver.isSet }, counting: answered) }
                _ = eventually { isOver.isSet }
                let check = try run(Gateway.program, ["check", file])
                try #require(check.status == 0, "round \(round): \(check.errors)")
                try site.gateway.startAgain()
                for writer in writers {
                    let lost = try writer.lost()
                    try #require(lost.isEmpty, "round \(round): \(lost)")
                }
            }
            let total = writers.reduce(0) { $0 + $1.answered }
            #expect(total >= writes / 2)
            print("\(kills) kills, \(total) answered writes, \(writers.reduce(0) { $0 + $1.unanswered }) unanswered")
        }
    }
}

/// A backend that writes, and knows what must be there: everything that was answered. Unanswered changes may be there.
private final class KillWriter: Sendable {
    private struct State {
        var random: SplitMix64
        /// The possible names of each event.
        var events: [String: Set<String>] = [:]
        var ownEvents: [String] = []
        /// Register's answers, by e-mail.
        var registered: [String: JSONValue] = [:]
        var removed: Set<String> = []
        var unsure: Set<String> = []
        var serial = 0
        var answered = 0
        var unanswered = 0
    }

    private let number: Int
    private let port: UInt16
    private let token: String
    private let state: Mutex<State>

    init(number: Int, port: UInt16, token: String, seed: UInt64) {
        (self.number, self.port, self.token) = (number, port, token)
        state = Mutex(State(random: SplitMix64(seed: seed)))
    }

    var answered: Int { state.withLock { $0.answered } }
    var unanswered: Int { state.withLock { $0.unanswered } }

    private var backend: Backend {
        let backend = Backend(port: port)
        backend.token = token
        return backend
    }

    /// Creates the first event.
    func begin() throws {
        let name = "first of \(number)"
        let event = try backend.createEvent(name)
        state.withLock { state in
            state.events[event] = [name]
            state.ownEvents.append(event)
        }
    }

    func write(until isOver: () -> Bool, counting counter: Counter) {
        let backend = backend
        while !isOver() {
            do {
                if try state.withLock({ try write(backend, &$0) }) { counter.add() }
            } catch {
                // The gateway is being killed.
                usleep(1000)
            }
        }
    }

    /// Makes one write of a random kind. Returns false if there was nothing to do.
    private func write(_ backend: Backend, _ state: inout State) throws -> Bool {
        state.serial += 1
        let home = state.ownEvents[0]
        let choice = Int.random(in: 0..<100, using: &state.random)
        do {
            switch choice {
            case ..<65:
                let email = "writer\(number)-\(state.serial)@example.com"
                state.unsure.insert(email)
                let body: JSONValue = [
                    "name": "Viewer", "email": .string(email), "metadata": ["n": .number(Double(state.serial))],
                ]
                state.registered[email] = try backend.ask("POST", "/event/\(home)/registrant", body)
                state.unsure.remove(email)
            case ..<75:
                let name = "event \(number)-\(state.serial)"
                let event = try backend.createEvent(name)
                state.events[event] = [name]
                state.ownEvents.append(event)
            case ..<88:
                guard let event = state.ownEvents.randomElement(using: &state.random) else { return false }
                let name = "renamed \(number)-\(state.serial)"
                state.events[event, default: []].insert(name)
                _ = try backend.ask("POST", "/event/\(event)", ["name": .string(name)])
                state.events[event] = [name]
            default:
                let known = state.registered.keys.sorted()
                guard let email = known.randomElement(using: &state.random) else { return false }
                state.registered[email] = nil
                state.unsure.insert(email)
                let response = try backend.call("DELETE", "/event/\(home)/registrant", ["email": .string(email)])
                guard response.status == 204 else { throw GatewayFailure(text: "\(response)") }
                state.unsure.remove(email)
                state.removed.insert(email)
            }
        } catch {
            state.unanswered += 1
            throw error
        }
        state.answered += 1
        return true
    }

    /// The answered changes that are missing.
    func lost() throws -> [String] {
        let backend = backend
        return try state.withLock { state in
            var lost: [String] = []
            for (event, names) in state.events {
                let name = try backend.ask("GET", "/event/\(event)")["name"]?.text ?? ""
                if names.contains(name) { state.events[event] = [name] } else { lost.append("\(event): \(name)") }
            }
            let home = state.ownEvents[0]
            var found: [String: JSONValue] = [:]
            var path: String? = "/event/\(home)/registrants?limit=500&include=join_url"
            while let next = path {
                let page = try backend.call("GET", next)
                for person in try page.json().list ?? [] { found[person["email"]?.text ?? ""] = person }
                path = page.nextPage
            }
            for (email, answer) in state.registered where found[email] != answer {
                lost.append("\(answer.description) is \(found[email]?.description ?? "gone")")
            }
            for email in state.removed where found[email] != nil { lost.append("\(email) is back") }
            let strangers = Set(found.keys).subtracting(state.registered.keys).subtracting(state.unsure)
            lost += strangers.map { "\($0) was never registered" }
            // The view that admission uses has them too.
            if let answer = state.registered.values.max(by: {
                $0["registeredAt"]?.text ?? "" < $1["registeredAt"]?.text ?? ""
            }) {
                let registered = try Registered(answer)
                let response = try fetch(port, "/event/\(home)?joinCode=\(registered.joinCode)")
                if Browser.path(response["Location"] ?? "") != registered.target { lost.append("\(response)") }
            }
            return lost
        }
    }
}
