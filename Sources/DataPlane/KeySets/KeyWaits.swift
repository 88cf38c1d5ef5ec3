import GatewayConfiguration
import Transport

/// The requests of one event loop that wait for key sets to be fetched.
final class KeyWaits {
    private struct Wait {
        let number: Int
        let urls: [KeySetURL]
        let timer: TimerHeap.ID
        let goOn: () -> Void
    }

    private let loop: EventLoop
    private var waits: [Wait] = []
    private var nextNumber = 0

    /// Each one keeps a head of up to `limits.header_size`.
    static let capacity = 256

    init(loop: EventLoop) { self.loop = loop }

    var count: Int { waits.count }

    /// Calls `goOn` once one of the sets was fetched or could not be, at the latest at `deadline` (monotonic
    /// milliseconds).
    ///
    /// - Returns: false if too many wait already.
    func add(_ urls: [KeySetURL], until deadline: Int64, _ goOn: @escaping () -> Void) -> Bool {
        guard waits.count < Self.capacity else { return false }
        let number = nextNumber
        nextNumber += 1
        let timer = loop.schedule(in: max(deadline - loop.now, 0)) { [self] in
            guard let index = waits.firstIndex(where: { $0.number == number }) else { return }
            waits.remove(at: index).goOn()
        }
        waits.append(Wait(number: number, urls: urls, timer: timer, goOn: goOn))
        return true
    }

    /// A set was fetched or could not be.
    func fetchEnded(_ url: KeySetURL) {
        let ready = waits.filter { $0.urls.contains(url) }
        guard !ready.isEmpty else { return }
        waits.removeAll { $0.urls.contains(url) }
        for wait in ready {
            loop.cancel(wait.timer)
            wait.goOn()
        }
    }
}
