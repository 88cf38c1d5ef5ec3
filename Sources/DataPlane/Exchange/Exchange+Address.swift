import Basics
import GatewayConfiguration

extension Exchange {
    /// Refuses a request whose client's address is denied or asks too often. Returns false if it may go on.
    func refusesAddress() -> Bool {
        guard let address else { return false }
        let limits = snapshot.settings.limits
        if limits.denied.contains(address) {
            worker.counters.add(.requestsDenied)
            record.fault = "address_denied"
            respond(status: 403)
            return true
        }
        guard let limit = limits.requestsPerAddress, address.hasRate(limits),
            let wait = worker.site.requestRates.take(address.hash, limit, at: worker.clock.monotonic)
        else { return false }
        worker.counters.add(.requestsPastRate)
        record.fault = "requests_per_address"
        respond(status: 429, fields: "Retry-After: \(max(1, (wait + 999) / 1000))\r\n")
        return true
    }

    /// Whether a reload has denied the client's address since the request began.
    var isDeniedSince: Bool {
        let present = worker.snapshot
        guard present !== snapshot, present.judgesAddresses, let address, client?.listener != .admin else {
            return false
        }
        return present.settings.limits.denied.contains(address)
    }
}
