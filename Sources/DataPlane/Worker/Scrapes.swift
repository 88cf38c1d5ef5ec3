import Synchronization

/// The scrapes in progress. Scrapers that ask at the same time for the same format get the same page, so that their
/// number does not multiply the work.
final class Scrapes: Sendable {
    private let running = Mutex<[MetricsFormat: Task<[UInt8], Never>]>([:])

    /// The metrics page of a site.
    func page(_ format: MetricsFormat, of site: Site) async -> [UInt8] {
        let task = running.withLock { running in
            if let task = running[format] { return task }
            let task = Task.detached {
                let reading = await site.readMetrics()
                // Whoever asks from here on gets a later reading.
                self.running.withLock { $0[format] = nil }
                return MetricsPage.text(reading, as: format)
            }
            running[format] = task
            return task
        }
        return await task.value
    }
}
