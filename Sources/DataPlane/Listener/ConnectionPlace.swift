/// A client's connection as the limits count it, from when it was accepted until it is closed. Whatever serves the
/// connection at the end gives it up.
final class ConnectionPlace {
    private let site: Site
    private let role: ListenerRole
    /// The hash of an address whose connections are counted.
    private var countedAddress: UInt64?
    private var isLeft = false

    init(_ site: Site, _ role: ListenerRole, countedAddress: UInt64?) {
        (self.site, self.role, self.countedAddress) = (site, role, countedAddress)
    }

    func leave() {
        guard !isLeft else { return }
        isLeft = true
        if let countedAddress { site.connectionCounts.leave(countedAddress) }
        site.leave(role)
    }
}
