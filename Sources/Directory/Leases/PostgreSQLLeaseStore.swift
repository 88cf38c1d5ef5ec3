#if PostgreSQL
    package import Admission
    package import Basics
    import Dispatch
    import PostgreSQL

    /// The leases of several gateways, in a table of the PostgreSQL server that they share.
    ///
    /// Claims go to the server in batches, over a connection with a thread of its own; another one hears which leases are
    /// lost. Nothing is claimed while this node would not hear. A claim is answered within a time limit or fails, and fails
    /// at once while the server is away.
    package final class PostgreSQLLeaseStore: LeaseStorage {
        private let line: LeaseLine

        /// Does not connect yet.
        ///
        /// - Parameters:
        ///   - uri: of the directory's database, whose tables are up to date.
        ///   - node: see ``Directory/nodeNumber()``.
        ///   - patience: how long a claim waits for its answer. Must be well below ``SharingPolicy/trial``.
        package init(_ uri: String, node: NodeNumber, patience: Milliseconds = 2000) throws(DirectoryFault) {
            let settings: ConnectionSettings
            do throws(PostgreSQLFault) {
                settings = try ConnectionSettings(uri)
            } catch {
                throw DirectoryFault(description: "\(error)")
            }
            guard let wakeup = Wakeup() else { throw DirectoryFault(description: "no descriptor is left") }
            line = LeaseLine(settings, node: node, patience: patience, wakeup: wakeup)
        }

        deinit { line.end() }

        /// Connects, and goes on doing so whenever a connection is lost. Call it once, before the first claim.
        ///
        /// - Parameter client: is kept until ``close()``.
        package func start(_ client: any LeaseStoreClient) {
            line.serve(client)
            let line = line
            DispatchQueue(label: "lease-news").async { LeaseNews(line: line).run() }
            DispatchQueue(label: "lease-claims").async { LeaseClaims(line: line).run() }
        }

        package func send(_ requests: [LeaseRequest]) { line.add(requests) }

        /// Fails what waits, and ends both connections. Afterwards the client is not called any more.
        package func close() async {
            line.end()
            await line.waitForEnd()
        }
    }
#endif
