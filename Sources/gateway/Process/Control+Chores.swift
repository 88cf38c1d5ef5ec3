import ControlPlane
import Directory
import Logging
import Synchronization
import Transport

/// What is done again and again while the database is open.
extension Control {
    /// The time between two notes that an idle gateway is running, and between two warnings that attendance is lost.
    static let longestPause = Duration.seconds(60)
    private static let purgeInterval = Duration.seconds(3600)

    /// Keeps the database from being taken by another gateway.
    func hold(_ directory: Directory) async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await directory.hold() }
    }

    /// Warns every minute while files of the database are missing.
    func watchFiles(of directory: Directory) async {
        while !Task.isCancelled {
            let missing = await files.run { [directory] in directory.missingFiles }
            if !missing.isEmpty {
                logger.error(
                    """
                    control.database: files that the gateway uses were removed or replaced: what it writes is lost when it \
                    stops; put a backup in their place, and restart
                    """,
                    metadata: ["files": "\(missing.joined(separator: " "))"]
                )
            }
            try? await Task.sleep(for: Self.longestPause)
        }
    }

    func tellOfClock(_ directory: Directory) {
        switch directory.takeClockNews() {
        case .jumped(let milliseconds):
            logger.warning(
                "the clock has jumped: [control.retention] deletes nothing until the gateway has run for a day",
                metadata: ["seconds": "\(milliseconds / 1000)"]
            )
        case .trusted: logger.info("the clock has not jumped for a day: [control.retention] deletes expired data again")
        case nil: break
        }
    }

    // MARK: For all

    /// Does what one gateway does for all that share the database, whenever this is the one.
    ///
    /// - Parameter turns: whether it is, in the order of time.
    func lead(_ turns: AsyncStream<Bool>, _ directory: Directory, _ webhooks: WebhookDelivery) async {
        var work: Task<Void, Never>?
        for await leads in turns {
            if !leads {
                work?.cancel()
                await work?.value
                work = nil
            } else if work == nil {
                work = Task {
                    async let delivering: Void = webhooks.run()
                    async let summingUp: Void = sumUpAttendance(in: directory)
                    async let announcing: Void = announceDates(of: directory)
                    async let purging: Void = purge(directory)
                    _ = await (delivering, summingUp, announcing, purging)
                }
            }
        }
        work?.cancel()
        await work?.value
    }

    /// Deletes data past its retention time, every hour.
    private func purge(_ directory: Directory) async {
        while !Task.isCancelled {
            do {
                let purged = try await directory.purge(retention.withLock { $0 })
                tellOfClock(directory)
                if let purged, !purged.isEmpty {
                    logger.info(
                        "expired data was deleted",
                        metadata: [
                            "stays": "\(purged.stays)", "registrations": "\(purged.registrations)",
                            "events": "\(purged.events)", "messages": "\(purged.messages)",
                            "removals": "\(purged.removals)",
                        ]
                    )
                }
            } catch {
                if !Task.isCancelled { logger.error("expired data cannot be deleted: \(error)") }
            }
            try? await Task.sleep(for: Self.purgeInterval)
        }
    }

    /// Adds what an earlier version has recorded to the sums of attendance.
    private func sumUpAttendance(in directory: Directory) async {
        var isFailing = false
        while !Task.isCancelled {
            let start = ContinuousClock.now
            do {
                let count = try await directory.sumUpEarlierStays()
                isFailing = false
                if count > 0 {
                    let seconds = start.duration(to: .now).components.seconds
                    logger.notice(
                        "attendance of an earlier version can be reported",
                        metadata: ["stays": "\(count)", "seconds": "\(seconds)"]
                    )
                }
            } catch {
                if !isFailing, !Task.isCancelled, StorageFault(error) == nil {
                    logger.error("attendance cannot be summed up: \(error)")
                }
                isFailing = true
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Announces events that start and end.
    private func announceDates(of directory: Directory) async {
        var isFailing = false
        while !Task.isCancelled {
            do {
                try await directory.announceDates()
                isFailing = false
            } catch {
                if !isFailing, !Task.isCancelled, StorageFault(error) == nil {
                    logger.error("starts and ends cannot be announced: \(error)")
                }
                isFailing = true
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }
}
