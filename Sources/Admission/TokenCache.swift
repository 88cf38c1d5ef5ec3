import Basics

/// Remembers what credentials were found to be, by their exact bytes: verified tokens and sealed sessions.
///
/// Each event loop has its own, so it has no lock. Insert only what ``TokenAuthority`` returned. It holds at most
/// `capacity` entries; a new one replaces one that was not used lately (the clock algorithm). The generation of the key
/// set is part of the key: after a change of keys, nothing is found that the old keys verified and the new ones may not.
///
/// It remembers who a token is for, never that it may pass: expiry, scope, role and lease are decided again each time.
package struct TokenCache: ~Copyable {
    /// What bytes were found to be. A finding for a session is never used for a token, nor the reverse.
    package enum Finding: Sendable {
        case token(Viewer)
        case session(SealedSession)
        /// Never used for a session that a cookie or a program holds, nor for another use.
        case script(ScriptSession)
        /// Not ours: a credential of the application.
        case foreign

        /// The company of the viewer; `nil` if there is none.
        fileprivate var company: String? {
            switch self {
            case .token(let viewer): viewer.company
            case .session(let session): session.viewer.company
            case .script(let session): session.viewer.company
            case .foreign: nil
            }
        }
    }

    private struct Entry {
        var token: [UInt8]
        var hash: UInt64
        var generation: UInt64
        var finding: Finding
        /// Whether it was used since the clock hand last passed.
        var isRecent: Bool

        func matches(_ token: Span<UInt8>, generation: UInt64) -> Bool {
            generation == self.generation && self.token.span.hasSameBytes(as: token)
        }
    }

    private let capacity: Int
    private let seed: UInt64
    private var entries: [Entry] = []
    /// Entry number + 1 at the hash's position or after it; 0 means none. At most half full.
    private var index: [UInt32]
    private var hand = 0

    /// - Parameters:
    ///   - capacity: in tokens, not bytes. Memory is at most this times the longest token.
    ///   - seed: random, so that clients who make tokens cannot choose their positions.
    package init(capacity: Int, seed: UInt64) {
        precondition(capacity > 0 && capacity < 1 << 30)
        self.capacity = capacity
        self.seed = seed
        var places = 4
        while places < capacity * 2 { places *= 2 }
        index = [UInt32](repeating: 0, count: places)
    }

    /// The number of entries.
    package var count: Int { entries.count }

    /// What exactly these bytes were found to be under this key set. Allocates nothing.
    package mutating func finding(for token: Span<UInt8>, generation: UInt64) -> Finding? {
        guard let number = find(token, hash: hash(of: token), generation: generation) else { return nil }
        if !entries[number].isRecent { entries[number].isRecent = true }
        return entries[number].finding
    }

    /// The viewer that a token of exactly these bytes was verified for.
    package mutating func viewer(for token: Span<UInt8>, generation: UInt64) -> Viewer? {
        if case .token(let viewer) = finding(for: token, generation: generation) { viewer } else { nil }
    }

    /// Remembers a verified token.
    package mutating func insert(_ viewer: Viewer, for token: Span<UInt8>, generation: UInt64) {
        insert(.token(viewer), for: token, generation: generation)
    }

    /// Remembers a finding.
    package mutating func insert(_ finding: Finding, for token: Span<UInt8>, generation: UInt64) {
        let hash = hash(of: token)
        if let number = find(token, hash: hash, generation: generation) {
            entries[number].finding = finding
            return
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(token.count)
        for position in token.indices { bytes.append(token[position]) }
        let entry = Entry(token: bytes, hash: hash, generation: generation, finding: finding, isRecent: false)
        if entries.count < capacity {
            entries.append(entry)
            place(entries.count - 1)
        } else {
            let number = nextVictim()
            unplace(number)
            entries[number] = entry
            place(number)
        }
    }

    /// Keeps what an authority has found for the one that takes its place, as far as it still holds.
    package mutating func move(from former: TokenAuthority, to authority: TokenAuthority) {
        guard authority.generation != former.generation else { return }
        let changed: Set<ExactText>
        switch authority.change(from: former) {
        case .none: changed = []
        case .companies(let companies): changed = companies
        case .everything: return
        }
        for number in entries.indices where entries[number].generation == former.generation {
            let company = entries[number].finding.company
            guard let company, !changed.contains(ExactText(company)) else { continue }
            entries[number].generation = authority.generation
        }
    }

    private func find(_ token: Span<UInt8>, hash: UInt64, generation: UInt64) -> Int? {
        let mask = index.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while index[place] != 0 {
            let number = Int(index[place]) - 1
            if entries[number].hash == hash && entries[number].matches(token, generation: generation) { return number }
            place = (place + 1) & mask
        }
        return nil
    }

    private mutating func nextVictim() -> Int {
        while true {
            let number = hand
            hand = (hand + 1) % capacity
            if !entries[number].isRecent { return number }
            entries[number].isRecent = false
        }
    }

    private mutating func place(_ number: Int) {
        let mask = index.count - 1
        var place = Int(truncatingIfNeeded: entries[number].hash) & mask
        while index[place] != 0 { place = (place + 1) & mask }
        index[place] = UInt32(number + 1)
    }

    /// Removes an entry from the index and closes the gap, so that no probe sequence is cut.
    private mutating func unplace(_ number: Int) {
        let mask = index.count - 1
        var gap = Int(truncatingIfNeeded: entries[number].hash) & mask
        while index[gap] != UInt32(number + 1) { gap = (gap + 1) & mask }
        var probe = (gap + 1) & mask
        while index[probe] != 0 {
            let home = Int(truncatingIfNeeded: entries[Int(index[probe]) - 1].hash) & mask
            if (probe &- home) & mask >= (probe &- gap) & mask {
                index[gap] = index[probe]
                gap = probe
            }
            probe = (probe + 1) & mask
        }
        index[gap] = 0
    }

    /// A seeded hash of the length and the last 64 bytes.
    ///
    /// A token ends with its signature, which is as good as random in every token that gets here. So the end
    /// distinguishes tokens as well as the whole would, in a fraction of the time. Equality is then decided by all
    /// bytes.
    private func hash(of token: Span<UInt8>) -> UInt64 {
        var hash = fold(seed ^ UInt64(token.count), 0x9E37_79B9_7F4A_7C15)
        var end = token.count
        let stop = max(0, end - 64)
        while end - stop >= 8 {
            hash = fold(hash ^ bigEndianWord(token.extracting(end - 8..<end), at: 0), 0xD6E8_FEB8_6659_FD93 ^ seed)
            end -= 8
        }
        while end > stop {
            end -= 1
            hash = fold(hash ^ UInt64(token[end]), 0xD6E8_FEB8_6659_FD93 ^ seed)
        }
        return hash
    }
}
