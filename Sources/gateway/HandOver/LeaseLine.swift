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
    case removals
    /// To the successor: a change of a lease.
    case proposal
    /// To the predecessor: done, or the answer to a proposal.
    case answer
}

/// Where the predecessor asks its successor about leases.
final class LeaseLine: LeaseSuccessor {
    /// `nil` once the successor is gone.
    private let channel: Mutex<LocalChannel?>

    /// How long an answer may take. Event loops wait for it. Milliseconds.
    private static let answerTime: Int64 = 2000

    init(_ channel: LocalChannel) { self.channel = Mutex(channel) }

    /// Passes what is not about single leases.
    func give(_ dataPlane: DataPlane) -> Bool {
        let memory = dataPlane.handedOver
        let since = UInt64(bitPattern: dataPlane.leasesKeptSince)
        let bytes = (0..<8).reversed().map { UInt8(truncatingIfNeeded: since >> (8 * UInt64($0))) }
        return ask(.since, bytes) != nil && ask(.tickets, memory.tickets) != nil
            && ask(.removals, memory.removals) != nil
    }

    func give(_ entries: [UInt8]) -> Bool { ask(.entries, entries) != nil }

    func propose(_ change: [UInt8]) -> [UInt8]? { ask(.proposal, change) }

    private func ask(_ word: LeaseWord, _ bytes: [UInt8]) -> [UInt8]? {
        channel.withLock { channel in
            guard let open = channel else { return nil }
            do throws(LocalChannel.Fault) {
                try open.send(word.rawValue, bytes, within: Self.answerTime)
                let answer = try open.receive(atMost: HandOver.maxText, within: Self.answerTime)
                if answer.kind == LeaseWord.answer.rawValue { return answer.bytes }
            } catch {}
            // A late answer must not be taken for the next one.
            channel = nil
            return nil
        }
    }
}

/// Where the successor answers.
enum LeaseDesk {
    /// More than a piece of entries, each of which is some kilobytes at most, and than all tickets and removals.
    private static let maxSize = 64 << 20
    /// How long the predecessor may say nothing, in milliseconds: longer than it drains.
    private static let longestSilence: Int64 = 7 * 86_400_000

    /// Begins to answer, until the other end is closed. What is malformed ends it.
    ///
    /// - Returns: the other end.
    static func open(_ dataPlane: DataPlane) throws(HandOverFault) -> Descriptor {
        let (here, there): (LocalChannel, Descriptor)
        do throws(SystemFault) {
            (here, there) = try LocalChannel.open()
        } catch {
            throw HandOverFault("\(error)")
        }
        DispatchQueue(label: "leases").async {
            while let message = try? here.receive(atMost: Self.maxSize, within: Self.longestSilence),
                let reply = Self.answer(message, dataPlane)
            {
                guard (try? here.send(LeaseWord.answer.rawValue, reply, within: HandOver.answerTime)) != nil else {
                    break
                }
            }
        }
        return there
    }

    private static func answer(_ message: LocalChannel.Message, _ dataPlane: DataPlane) -> [UInt8]? {
        let bytes = message.bytes
        switch LeaseWord(rawValue: message.kind) {
        case .entries: return dataPlane.adopt(leases: bytes) ? [] : nil
        case .since where bytes.count == 8:
            dataPlane.leasesKeptSince = Milliseconds(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
            return []
        case .tickets: return dataPlane.adopt(tickets: bytes) ? [] : nil
        case .removals: return dataPlane.adopt(removals: bytes) ? [] : nil
        case .proposal: return dataPlane.answer(bytes)
        case .since, .answer, nil: return nil
        }
    }
}
