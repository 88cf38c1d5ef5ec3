import GatewayConfiguration
import Transport

/// The requests of one event loop that wait for key sets to be fetched.
final class KeyWaits {
    private struct Wait {
        let number: Int
        let urls: [KeySetURL]
        let address: UInt64
        let timer: TimerHeap.ID
        let goOn: () -> Void
    }

    private let loop: EventLoop
    private var waits: [Wait] = []
    private var nextNumber = 0

    /// Each one keeps a head of up to `limits.header_size`.
    static let capacity = 256
    /// The most requests that wait from one client address, so that one cannot take all places.
    static let capacityOfAddress = 32
    /// The longest time that a request waits, in milliseconds.
    static let longest: Int64 = 3000

    init(loop: EventLoop) { self.loop = loop }

    var count: Int { waits.count }

    /// Calls `goOn` once one of the sets was fetched or could not be, or the request has waited for ``longest``.
    ///
    /// - Parameters:
    ///   - address: the hash of the client's address; 0 if unknown, which has no limit of its own.
    ///   - since: when the request began to wait, in monotonic milliseconds.
    /// - Returns: what to cancel the wait with; `nil` if too many wait already, or this one has waited long enough.
    func add(_ urls: [KeySetURL], from address: UInt64, since: Int64, _ goOn: @escaping () -> Void) -> Int? {
        let rest = since + Self.longest - loop.now
        guard rest > 0, waits.count < Self.capacity else { return nil }
        guard address == 0 || waits.count(where: { $0.address == address }) < Self.capacityOfAddress else { return nil }
        let number = nextNumber
        nextNumber += 1
        let timer = loop.schedule(in: rest) { [self] in
            guard let index = waits.firstIndex(where: { $0.number == number }) else { return }
            waits.remove(at: index).goOn()
        }
        waits.append(Wait(number: number, urls: urls, address: address, timer: timer, goOn: goOn))
        return number
    }

    /// The request no longer waits. Does nothing if its wait has ended.
    func cancel(_ number: Int) {
        guard let index = waits.firstIndex(where: { $0.number == number }) else { return }
        loop.cancel(waits.remove(at: index).timer)
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
