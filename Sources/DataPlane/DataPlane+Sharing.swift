package import Admission
import Basics
import GatewayConfiguration

/// Sharing the leases with other gateways.
extension DataPlane {
    /// Shares the leases through a store from now on. Call it once, before the first viewer.
    package func share(through store: any LeaseStore, as node: NodeNumber) {
        let snapshot = site.snapshot
        site.leases.share(
            through: store,
            as: node,
            snapshot.settings.control.sharing,
            sessions: snapshot.rules.sessions,
            clocks: LeaseClocks(wall: WallClock.now, steady: SteadyClock.now),
            addressSeed: site.seal.addressSeed
        ) { [site] _, session, ending in site.end(session, reason: ending.refusal) }
    }

    /// Whom the store answers.
    package var leaseClient: any LeaseStoreClient { site.leases }
}
