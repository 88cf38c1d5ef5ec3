import Basics
import Synchronization

/// The process that takes this one's place, and gets what else this one keeps in memory.
package protocol MemorySuccessor: Sendable {
    /// Passes used tickets. Returns false if it did not take them.
    func give(tickets: [UInt8]) -> Bool

    /// Uses a ticket there. Returns whether it was not used before, or `nil` if the process is gone.
    func use(ticket: [UInt8]) -> Bool?

    /// Passes removals, new ones and changed ones. Returns false if it did not take them.
    func give(removals: [UInt8]) -> Bool

    /// Lifts a removal there. Returns false if the process is gone.
    func lift(removal id: String) -> Bool
}

/// A used ticket on its way to another process.
struct HandedTicket {
    let number: UInt64
    let expires: Milliseconds

    init(number: UInt64, expires: Milliseconds) { (self.number, self.expires) = (number, expires) }

    /// Returns `nil` at the end, or if nothing can be read.
    init?(_ reader: inout SealedBytes) {
        guard let number = reader.readNumber(8), let expires = reader.readNumber(8) else { return nil }
        self.init(number: number, expires: Milliseconds(bitPattern: expires))
    }

    var bytes: [UInt8] {
        var writer = SealedBytes()
        write(to: &writer)
        return writer.bytes
    }

    func write(to writer: inout SealedBytes) {
        writer.write(number, count: 8)
        writer.write(UInt64(bitPattern: expires), count: 8)
    }
}

extension UsedTickets {
    /// Passes all used tickets, and from now on asks the other process about each.
    ///
    /// - Returns: false if that failed.
    package func handOver(to successor: any MemorySuccessor) -> Bool {
        state.withLock { state in
            var writer = SealedBytes()
            for (number, expires) in state.used { HandedTicket(number: number, expires: expires).write(to: &writer) }
            guard successor.give(tickets: writer.bytes) else { return false }
            state.successor = successor
            return true
        }
    }

    /// Asks nobody any more.
    package func takeBack() { state.withLock { $0.successor = nil } }

    /// Adds tickets that another process has passed. Returns false if the bytes are malformed.
    package func adopt(_ bytes: [UInt8]) -> Bool {
        var reader = SealedBytes(bytes)
        while !reader.isAtEnd {
            guard let ticket = HandedTicket(&reader) else { return false }
            state.withLock { $0.used[ticket.number] = ticket.expires }
        }
        return true
    }

    /// Uses a ticket for the process whose place this one has taken. Returns false if it was used before, or `nil` if the
    /// bytes are malformed.
    package func use(_ bytes: [UInt8]) -> Bool? {
        var reader = SealedBytes(bytes)
        guard let ticket = HandedTicket(&reader), reader.isAtEnd else { return nil }
        return use(ticket.number, expires: ticket.expires)
    }
}

extension RemovalMemory {
    /// Passes all removals, and from now on each change.
    ///
    /// - Returns: false if that failed.
    package func handOver(to successor: any MemorySuccessor) -> Bool {
        all.withLock { all in
            guard successor.give(removals: Self.bytes(all)) else { return false }
            self.successor.withLock { $0 = successor }
            return true
        }
    }

    /// Passes nothing any more.
    package func takeBack() { successor.withLock { $0 = nil } }

    static func bytes(_ removals: [Removal]) -> [UInt8] {
        var writer = SealedBytes()
        for removal in removals {
            for text in [removal.id, removal.company, removal.event, removal.person.kind.rawValue] {
                writer.write(text)
            }
            for text in [removal.person.text, removal.reason] { writer.write(text) }
            writer.write(UInt64(bitPattern: removal.until ?? .max), count: 8)
            writer.write(UInt64(bitPattern: removal.createdAt), count: 8)
        }
        return writer.bytes
    }

    /// Adds or changes removals that another process has passed, and returns them. Returns `nil` if the bytes are
    /// malformed.
    package func adopt(_ bytes: [UInt8]) -> [Removal]? {
        var reader = SealedBytes(bytes)
        var adopted: [Removal] = []
        while !reader.isAtEnd {
            guard let id = reader.readText(), let id, let company = reader.readText(), let company,
                let event = reader.readText(), let event, let kind = reader.readText(), let kind,
                let kind = RemovedPerson.Kind(rawValue: kind), let text = reader.readText(), let text,
                let reason = reader.readText(), let until = reader.readNumber(8), let createdAt = reader.readNumber(8)
            else { return nil }
            let end = Milliseconds(bitPattern: until)
            let removal = Removal(
                id: id,
                company: company,
                event: event,
                person: RemovedPerson(kind, text),
                until: end == .max ? nil : end,
                reason: reason,
                createdAt: Milliseconds(bitPattern: createdAt)
            )
            add(removal)
            adopted.append(removal)
        }
        return adopted
    }
}
