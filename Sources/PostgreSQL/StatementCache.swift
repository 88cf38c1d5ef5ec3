#if PostgreSQL
    import Basics

    /// Which statements a connection has prepared, by their text and the types of their parameters.
    ///
    /// A statement is prepared at its second use, so that those that are used once cost one round trip. Beyond the capacity,
    /// the one that was not used for longest is given up. Pure: it says what to do, and is told what was done.
    struct StatementCache {
        struct Key: Hashable {
            let sql: ExactText
            let types: [UInt32]
        }

        /// How to send a statement.
        enum Way: Equatable {
            case unprepared
            /// Prepare it under this name first.
            case prepare(name: String)
            case prepared(name: String)

            var name: String? {
                switch self {
                case .unprepared: nil
                case .prepare(let name), .prepared(let name): name
                }
            }
        }

        private struct Entry {
            /// `nil` until it is prepared.
            var name: String?
            var lastUse: Int
        }

        let capacity: Int
        private var entries: [Key: Entry] = [:]
        private var uses = 0
        private var lastNumber = 0
        /// Names that the server still knows and nobody needs.
        private(set) var abandoned: [String] = []

        init(capacity: Int) { self.capacity = capacity }

        /// The number of statements that are remembered.
        var count: Int { entries.count }

        /// Notes a use of the statement. Whoever is told to prepare it and cannot calls ``forget(_:)``.
        mutating func use(_ key: Key) -> Way {
            uses += 1
            guard let entry = entries[key] else {
                if entries.count >= capacity { giveUpOldest() }
                entries[key] = Entry(name: nil, lastUse: uses)
                return .unprepared
            }
            if let name = entry.name {
                entries[key]?.lastUse = uses
                return .prepared(name: name)
            }
            lastNumber += 1
            let name = "s\(lastNumber)"
            entries[key] = Entry(name: name, lastUse: uses)
            return .prepare(name: name)
        }

        /// Gives up a statement that could not be prepared, or whose plan is of no more use.
        ///
        /// - Parameter isKnown: whether the server may still know it.
        mutating func forget(_ key: Key, isKnown: Bool) {
            guard let name = entries.removeValue(forKey: key)?.name, isKnown else { return }
            abandoned.append(name)
        }

        /// Returns the names to deallocate, and forgets them.
        mutating func takeAbandoned() -> [String] {
            defer { abandoned = [] }
            return abandoned
        }

        private mutating func giveUpOldest() {
            guard let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
            forget(oldest.key, isKnown: true)
        }
    }
#endif
