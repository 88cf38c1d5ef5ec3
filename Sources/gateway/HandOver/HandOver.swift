import Basics
import Dispatch
import GatewayConfiguration
import Transport

/// How a running gateway hands over to a new process: the words that both use.
///
/// The new process (the successor) connects to the old one (the predecessor) over a Unix socket. It says hello and gets
/// the listening sockets, gets everything ready, and says so. Only then does the predecessor act: it passes the leases,
/// lets go of the database, and lets the successor go on. From the first lease that is passed until the predecessor has
/// ended, the successor has the last word on leases, see ``LeaseLine``. Once it says that it serves, the predecessor
/// decides, see ``Successor/decide(for:)``: either it is replaced, stops accepting and drains, or it refuses, and the
/// successor ends. If the successor ends before, or says nothing in time, the predecessor goes on as before. If the
/// predecessor ends, which only a crash or SIGKILL can do, the successor goes on with what it has.
///
/// While it drains, a replaced process may still have a predecessor that drains, too. It ends after that one, whose
/// questions about leases it passes on.
///
/// Both hold the listening sockets until then, so that nobody is refused meanwhile.
enum HandOver {
    /// The kinds of messages, in their order.
    enum Word: UInt8 {
        /// To the predecessor: a JSON object with the `version` of the conversation and of the `product`, and
        /// ``Program/startedAt``.
        case hello = 1
        /// To the successor: why it gets nothing, or must end, as text. To the predecessor: why the successor cannot go on.
        case refusal
        /// To the successor: a JSON array of addresses, and a descriptor for each.
        case sockets
        /// To the successor: there are no more sockets. With what it may compare, see ``Settings/signingMarks(atMost:)``.
        case allSockets
        /// To the predecessor: everything is ready that needs nothing of it. With it goes the other end of a ``LeaseLine``.
        case ready
        /// To the successor: it has all leases, the database is free, and it is its turn. With a ``Turn``.
        case turn
        /// To the predecessor: accepting connections.
        case serving
        /// To the successor: it has replaced this process.
        case replaced
        /// To the successor, after that: this process was asked to load its configuration, or to open its logs, again.
        case reload, reopen
    }

    /// What the successor learns when it is its turn.
    struct Turn {
        /// The service manager to talk to.
        var service: ServiceManager.Service?
        /// The database that was let go, as ``Control/identity()`` says; `nil` if there is none.
        var database: String?
    }

    /// Changes with every change of the conversation.
    static let version = 3
    /// How long a gateway may take from the moment when it serves until its successor can connect. Milliseconds.
    static let openTime: Int64 = 1000
    /// How long a process that was started to take over may take until it connects: it loads its configuration.
    /// Milliseconds.
    static let connectTime: Int32 = 20_000
    /// How long an answer may take that needs no work. Milliseconds.
    static let answerTime: Int64 = 5000
    /// How long the successor may take to get ready: it may have to fetch key sets. Milliseconds.
    static let readyTime: Int64 = 60_000
    /// How long a step may take that includes closing or opening the database. Milliseconds.
    static let stepTime: Int64 = 30_000
    /// How long one process may say nothing while nothing is expected of it: longer than it drains. Milliseconds.
    static let longestSilence: Int64 = 7 * 86_400_000
    /// How long a process may still exist after its connections were closed with it. Milliseconds.
    static let endTime: Int32 = 2000
    /// The most bytes of a message with texts.
    static let maxText = 64 << 10
    /// The most listening sockets.
    static let maxSockets = 4096
    static let jsonLimits = JSONLimits(size: maxText)

    /// Where a running gateway waits for its successor: beside the key that makes their sessions the same.
    static func path(_ settings: Settings) -> String { settings.sessions.cookieKeyFile + ".sock" }

    /// Runs work that waits for another process, on a thread of its own.
    static func waiting<Value: Sendable>(
        _ work: @escaping @Sendable () throws(HandOverFault) -> Value
    ) async throws(HandOverFault) -> Value {
        let result: Result<Value, HandOverFault> = await withCheckedContinuation { continuation in
            DispatchQueue(label: "hand-over").async {
                continuation.resume(returning: Result { () throws(HandOverFault) in try work() })
            }
        }
        return try result.get()
    }
}

/// Why nothing was handed over, worded for the operator.
struct HandOverFault: Error, CustomStringConvertible {
    let description: String
    /// Whether the other process has said so.
    var isRefusal = false

    init(_ description: String, isRefusal: Bool = false) {
        (self.description, self.isRefusal) = (description, isRefusal)
    }
}

extension HandOver.Turn {
    /// Reads what ``bytes`` has written. What cannot be read is left out.
    init(_ bytes: [UInt8]) {
        guard case .object(let members)? = try? JSONValue(parsing: bytes.span, limits: HandOver.jsonLimits) else {
            return
        }
        service = members["service"].flatMap { ServiceManager.Service($0) }
        if case .string(let identity)? = members["database"] { database = identity }
    }

    var bytes: [UInt8] {
        JSONValue.object([
            JSONMember("service", service?.value ?? .null),
            JSONMember("database", database.map(JSONValue.string) ?? .null),
        ]).serialized()
    }
}

extension LocalChannel {
    func say(_ word: HandOver.Word, _ bytes: [UInt8] = [], _ descriptors: [Descriptor] = []) throws(HandOverFault) {
        do throws(Fault) {
            try send(word.rawValue, bytes, descriptors: descriptors, within: HandOver.answerTime)
        } catch {
            throw HandOverFault("\(error)")
        }
    }

    /// The next message. Throws the text of a refusal.
    func hear(within time: Int64) throws(HandOverFault) -> (word: HandOver.Word, message: Message) {
        let message: Message
        do throws(Fault) {
            message = try receive(atMost: HandOver.maxText, within: time)
        } catch {
            throw HandOverFault("\(error)")
        }
        guard let word = HandOver.Word(rawValue: message.kind) else { throw HandOverFault("it speaks differently") }
        if word == .refusal {
            throw HandOverFault(String(decoding: message.bytes, as: UTF8.self), isRefusal: true)
        }
        return (word, message)
    }

    /// Waits for a message of one kind.
    @discardableResult
    func hear(_ wanted: HandOver.Word, within time: Int64) throws(HandOverFault) -> Message {
        let (word, message) = try hear(within: time)
        guard word == wanted else { throw HandOverFault("it said \(word) instead of \(wanted)") }
        return message
    }
}
