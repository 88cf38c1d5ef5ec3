import Admission
import Basics
import DataPlane
import Dispatch
import Synchronization
import Transport

/// The words about leases. Each message of the predecessor gets one answer.
private enum LeaseWord: UInt8 {
    /// To the successor: entries of the lease table.
    case entries = 1
    /// To the successor: since when the leases are kept, in eight bytes.
    case since
    case tickets
    /// To the successor: removals, new or changed.
    case removals
    /// To the successor: the id of a removal.
    case lift
    /// To the successor: a ticket that is used now. The answer is one byte, 1 if it was not used before.
    case use
    /// To the successor: a change of a lease.
    case proposal
    /// To the predecessor: done, or the answer to a proposal.
    case answer
}

/// Where the predecessor asks its successor about leases, used tickets, and removals that are kept in memory.
final class LeaseLine: LeaseSuccessor, MemorySuccessor {
    private let channel: LocalChannel
    /// False once the successor is gone, or has not answered. Locked while it is asked.
    private let isWhole = Mutex(true)
    private let whenBroken: @Sendable (_ reason: String) -> Void

    /// How long an answer may take. Event loops wait for it. Milliseconds.
    private static let answerTime: Int64 = 2000

    /// - Parameter whenBroken: called when nothing more will be asked; may be called on an event loop.
    init(_ channel: LocalChannel, whenBroken: @escaping @Sendable (_ reason: String) -> Void) {
        (self.channel, self.whenBroken) = (channel, whenBroken)
    }

    /// Passes what is not about single leases.
    func give(keptSince: Milliseconds) -> Bool {
        let since = UInt64(bitPattern: keptSince)
        return ask(.since, (0..<8).reversed().map { UInt8(truncatingIfNeeded: since >> (8 * UInt64($0))) }) != nil
    }

    func give(_ entries: [UInt8]) -> Bool { ask(.entries, entries) != nil }

    func propose(_ change: [UInt8]) -> [UInt8]? { ask(.proposal, change) }

    func give(tickets: [UInt8]) -> Bool { ask(.tickets, tickets) != nil }

    func use(ticket: [UInt8]) -> Bool? { ask(.use, ticket).map { $0 == [1] } }

    func give(removals: [UInt8]) -> Bool { ask(.removals, removals) != nil }

    func lift(removal id: String) -> Bool { ask(.lift, Array(id.utf8)) != nil }

    func giveUp() { end("more sessions have begun and ended meanwhile than can be kept") }

    /// Asks nothing more. Whoever waits for an answer gets none.
    func end() { channel.end() }

    private func end(_ reason: String) {
        channel.end()
        whenBroken(reason)
    }

    private func ask(_ word: LeaseWord, _ bytes: [UInt8]) -> [UInt8]? {
        isWhole.withLock { isWhole in
            guard isWhole else { return nil }
            let reason: String
            do throws(LocalChannel.Fault) {
                try channel.send(word.rawValue, bytes, within: Self.answerTime)
                let answer = try channel.receive(atMost: HandOver.maxText, within: Self.answerTime)
                if answer.kind == LeaseWord.answer.rawValue { return answer.bytes }
                reason = "it speaks differently"
            } catch {
                reason = "asked about leases, \(error)"
            }
            // A late answer must not be taken for the next one.
            isWhole = false
            end(reason)
            return nil
        }
    }
}

/// Where the successor answers, until the other end is closed. What is malformed ends it.
struct LeaseDesk {
    private let queue = DispatchQueue(label: "leases")
    /// More than a piece of entries, each of which is some kilobytes at most, and than all tickets and removals.
    private static let maxSize = 64 << 20

    private init() {}

    /// Begins to answer.
    ///
    /// - Returns: also the other end.
    static func open(_ dataPlane: DataPlane) throws(HandOverFault) -> (LeaseDesk, Descriptor) {
        let (here, there): (LocalChannel, Descriptor)
        do throws(SystemFault) {
            (here, there) = try LocalChannel.open()
        } catch {
            throw HandOverFault("\(error)")
        }
        let desk = LeaseDesk()
        desk.queue.async {
            while let message = try? here.receive(atMost: Self.maxSize, within: HandOver.longestSilence),
                let reply = Self.answer(message, dataPlane)
            {
                guard (try? here.send(LeaseWord.answer.rawValue, reply, within: HandOver.answerTime)) != nil else {
                    break
                }
            }
        }
        return (desk, there)
    }

    /// Waits until nobody can ask any more.
    func awaitEnd() { queue.sync {} }

    private static func answer(_ message: LocalChannel.Message, _ dataPlane: DataPlane) -> [UInt8]? {
        let bytes = message.bytes
        switch LeaseWord(rawValue: message.kind) {
        case .entries: return dataPlane.adopt(leases: bytes) ? [] : nil
        case .since where bytes.count == 8:
            dataPlane.leasesKeptSince = Milliseconds(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
            return []
        case .tickets: return dataPlane.adopt(tickets: bytes) ? [] : nil
        case .removals: return dataPlane.adopt(removals: bytes) ? [] : nil
        case .lift:
            dataPlane.lift(removal: String(decoding: bytes, as: UTF8.self))
            return []
        case .use: return dataPlane.use(ticket: bytes).map { [$0 ? 1 : 0] }
        case .proposal: return dataPlane.answer(bytes)
        case .since, .answer, nil: return nil
        }
    }
}
