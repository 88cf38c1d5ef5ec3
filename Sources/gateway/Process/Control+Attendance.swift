import Admission
import Directory
import Logging
import Synchronization

/// Attendance: what happens to sessions is written in batches.
extension Control {
    /// How often arrivals and departures are written. A crash may lose this much.
    static let interval = Duration.milliseconds(500)
    /// The most unwritten entries while the disk is full or gone. Beyond that, the least informative ones are lost.
    static let maxUnwritten = 1 << 20

    /// Writes arrivals and departures in batches, and notes that the gateway is running.
    func keepAttendance(of sessions: LiveSessions, in directory: Directory) async {
        var toldAt: ContinuousClock.Instant?
        var isFailing = false
        var lastBeat = ContinuousClock.now
        var isLast = false
        while !isLast {
            isLast = (try? await Task.sleep(for: Self.interval)) == nil
            journal.withLock { $0.add(sessions.takeChanges()) }
            if isLast || toldAt.map({ $0.duration(to: .now) > Self.longestPause }) ?? true {
                let dropped = journal.withLock { $0.takeDropped() }
                if dropped > 0 {
                    logger.error("attendance is lost: it cannot be written", metadata: ["changes": "\(dropped)"])
                    toldAt = .now
                }
            }
            do {
                while true {
                    let part = journal.withLock { Array($0.changes.prefix(AttendanceJournal.part)) }
                    if part.isEmpty { break }
                    try await record(part, in: directory)
                }
                if sessions.count > 0 || lastBeat.duration(to: .now) > Self.longestPause {
                    try await directory.beat()
                    tellOfClock(directory)
                    lastBeat = .now
                }
                isFailing = false
            } catch {
                // The directory tells of faults of the storage.
                if !isFailing, StorageFault(error) == nil {
                    logger.error("attendance cannot be written, and is kept for later: \(error)")
                }
                isFailing = true
            }
        }
    }

    /// Writes the first changes of the journal. One that cannot be written does not keep the others from it.
    private func record(_ part: [SessionChange], in directory: Directory) async throws {
        do {
            try await directory.record(part)
            journal.withLock { $0.wrote(part.count) }
        } catch {
            guard StorageFault(error) == nil else { throw error }
            for change in part {
                do {
                    try await directory.record([change])
                } catch {
                    guard StorageFault(error) == nil else { throw error }
                    logger.error(
                        "a session's attendance cannot be written, and is left out: \(error)",
                        metadata: ["session": "\(change.session.name)"]
                    )
                }
                journal.withLock { $0.wrote(1) }
            }
        }
    }
}
