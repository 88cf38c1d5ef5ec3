import Basics
import Synchronization

/// What else a process keeps in memory for as long as it runs, for the process that takes its place.
extension UsedTickets {
    package var handedOver: [UInt8] {
        var writer = SealedBytes()
        for (number, expires) in used.withLock({ $0 }) {
            writer.write(number, count: 8)
            writer.write(UInt64(bitPattern: expires), count: 8)
        }
        return writer.bytes
    }

    /// Returns false if the bytes are malformed.
    package func adopt(_ bytes: [UInt8]) -> Bool {
        var reader = SealedBytes(bytes)
        while !reader.isAtEnd {
            guard let number = reader.readNumber(8), let expires = reader.readNumber(8) else { return false }
            used.withLock { $0[number] = Milliseconds(bitPattern: expires) }
        }
        return true
    }
}

extension RemovalMemory {
    package var handedOver: [UInt8] {
        var writer = SealedBytes()
        for removal in all.withLock({ $0 }) {
            for text in [removal.id, removal.company, removal.event, removal.person.kind.rawValue] {
                writer.write(text)
            }
            for text in [removal.person.text, removal.reason] { writer.write(text) }
            writer.write(UInt64(bitPattern: removal.until ?? .max), count: 8)
            writer.write(UInt64(bitPattern: removal.createdAt), count: 8)
        }
        return writer.bytes
    }

    /// Returns false if the bytes are malformed.
    package func adopt(_ bytes: [UInt8]) -> Bool {
        var reader = SealedBytes(bytes)
        while !reader.isAtEnd {
            guard let id = reader.readText(), let id, let company = reader.readText(), let company,
                let event = reader.readText(), let event, let kind = reader.readText(), let kind,
                let kind = RemovedPerson.Kind(rawValue: kind), let text = reader.readText(), let text,
                let reason = reader.readText(), let until = reader.readNumber(8), let createdAt = reader.readNumber(8)
            else { return false }
            let end = Milliseconds(bitPattern: until)
            add(
                Removal(
                    id: id,
                    company: company,
                    event: event,
                    person: RemovedPerson(kind, text),
                    until: end == .max ? nil : end,
                    reason: reason,
                    createdAt: Milliseconds(bitPattern: createdAt)
                )
            )
        }
        return true
    }
}
