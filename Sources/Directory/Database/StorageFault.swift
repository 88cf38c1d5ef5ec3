import Basics
import Synchronization

/// Why the database cannot be read or written.
package enum StorageFault: Error, Sendable, Equatable {
    case full
    /// The system has failed to read or write.
    case failing
    case readOnly
    case unopenable
    /// Another process holds it.
    case locked
    /// Waiting does not help.
    case damaged
    /// The server is away, or has no room for another connection.
    case unreachable
    /// The server does not let the gateway in.
    case denied
    /// The server is a stand-by, as during a fail-over.
    case standby
    /// Another gateway uses it.
    case taken
    /// What answers there has no directory.
    case emptied

    /// Returns `nil` if an error has another reason.
    package init?(_ error: any Error) {
        guard let fault = (error as? any DatabaseDriverError)?.storageFault else { return nil }
        self = fault
    }
}

/// An error of a database's driver.
protocol DatabaseDriverError: Error {
    /// `nil` if the reason is not the storage.
    var storageFault: StorageFault? { get }
}

extension StorageFault: CustomStringConvertible {
    /// What is wrong and what to do, for the operator.
    package var description: String {
        switch self {
        case .full: "the disk is full: make room on it"
        case .failing:
            "the disk fails: see the system's log, and whether its file system is mounted for writing and has room"
        case .readOnly: "it can only be read: see its permissions, and whether its file system is mounted for writing"
        case .unopenable: "a file of it cannot be opened: see whether they all exist, and their permissions"
        case .locked: "another process keeps it locked: see which one has it open (fuser), and end that"
        case .taken: "another gateway uses it: end one of them"
        case .emptied: "what answers there has no directory, or one of an earlier version: see which server that is"
        case .damaged: "it is damaged: stop the gateway and restore a backup"
        case .unreachable: "the server cannot be reached: see whether it runs, and whether it has connections left"
        case .denied: "the server does not let the gateway in: see the user, its password, and the server's pg_hba.conf"
        case .standby:
            "the server takes no changes, as a stand-by: name the primary, or all with target_session_attrs=read-write"
        }
    }
}

/// Whether the database takes writes, as told to the operator: each change once.
///
/// On a full disk a small write may succeed between larger ones that do not. So the trouble is over only if writes have
/// succeeded for a while. A value without a clock; times are those of one that never jumps.
struct StorageState {
    /// `nil` if the database takes writes.
    private(set) var fault: StorageFault?
    private var failedAt: Milliseconds = 0

    /// How long writes must succeed.
    static let calm: Milliseconds = 10_000

    /// Takes in how a write has ended. Returns whether ``fault`` has changed.
    mutating func wrote(_ fault: StorageFault?, at now: Milliseconds) -> Bool {
        if fault != nil { failedAt = now }
        guard fault != self.fault, fault != nil || now - failedAt >= Self.calm else { return false }
        self.fault = fault
        return true
    }
}

/// Keeps the ``StorageState`` of a writer, and tells of its changes.
final class StorageWatch: Sendable {
    private let state = Mutex(StorageState())
    private let handler = Handler<@Sendable (StorageFault?) -> Void>({ _ in })
    private let uptime: @Sendable () -> Milliseconds

    init(uptime: @escaping @Sendable () -> Milliseconds) { self.uptime = uptime }

    var fault: StorageFault? { state.withLock { $0.fault } }

    func onChange(_ handler: @escaping @Sendable (StorageFault?) -> Void) { self.handler.set(handler) }

    /// Takes in how a transaction has ended. Errors that are not the storage's say nothing about it.
    func wrote(_ error: (any Error)?) {
        let fault = error.flatMap(StorageFault.init)
        guard error == nil || fault != nil, state.withLock({ $0.wrote(fault, at: uptime()) }) else { return }
        handler.closure(fault)
    }
}
