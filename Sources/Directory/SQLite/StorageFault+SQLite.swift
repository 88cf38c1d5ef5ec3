import GRDB

extension StorageFault {
    /// Returns `nil` if an error has another reason.
    package init?(_ error: any Error) {
        guard let error = error as? DatabaseError else { return nil }
        switch error.resultCode {
        case .SQLITE_FULL: self = .full
        case .SQLITE_IOERR: self = .failing
        case .SQLITE_READONLY: self = .readOnly
        case .SQLITE_CANTOPEN: self = .unopenable
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged
        default: return nil
        }
    }
}
