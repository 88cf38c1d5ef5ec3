import GRDB

extension DatabaseError: DatabaseDriverError {
    var storageFault: StorageFault? {
        switch resultCode {
        case .SQLITE_FULL: .full
        case .SQLITE_IOERR: .failing
        case .SQLITE_READONLY: .readOnly
        case .SQLITE_CANTOPEN: .unopenable
        case .SQLITE_BUSY, .SQLITE_LOCKED: .locked
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged
        default: nil
        }
    }
}
