#if PostgreSQL
    import PostgreSQL

    extension PostgreSQLFault: DatabaseDriverError {
        var storageFault: StorageFault? {
            switch kind {
            case .connection, .tooManyConnections, .busy, .closed: .unreachable
            case .authentication: .denied
            case .readOnly: .standby
            case .full: .full
            default:
                if let sqlState, sqlState.isOfClass("XX") {
                    .damaged
                } else if let sqlState, sqlState.isOfClass("58") {
                    .failing
                } else {
                    nil
                }
            }
        }
    }
#endif
