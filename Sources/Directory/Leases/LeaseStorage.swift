package import Admission

/// A store of leases that has a way to a server.
package protocol LeaseStorage: LeaseStore {
    /// Connects, and goes on doing so whenever a connection is lost. Call it once, before the first claim.
    ///
    /// - Parameter client: is kept until ``close()``.
    func start(_ client: any LeaseStoreClient)

    /// Fails what waits, and ends the connections. Afterwards the client is not called any more.
    func close() async
}

extension Directory {
    /// The leases that the nodes which share the database keep in it, and what this node is called there.
    ///
    /// - Returns: `nil` if the database is not shared.
    package func leases() async throws -> (store: any LeaseStorage, node: NodeNumber)? {
        guard let number = try await nodeNumber(), let store = try storage.leases(as: number) else { return nil }
        return (store, number)
    }
}
