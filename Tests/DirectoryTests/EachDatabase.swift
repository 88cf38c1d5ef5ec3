import Synchronization
import TestSupport
import Testing

/// The databases that a directory may be stored in.
enum DatabaseKind: CaseIterable {
    case sqlite
    case postgreSQL

    /// The one that ``TestDatabase`` makes.
    @TaskLocal static var current = sqlite

    var isInstalled: Bool { self == .sqlite || PostgreSQLServer.isInstalled }
}

/// Runs each test of a suite once with each database: they keep the same promises.
struct EachDatabase: SuiteTrait, TestTrait, TestScoping {
    var kinds = DatabaseKind.allCases

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        let isOfFiles = test.traits.contains { $0 is FilesOnly }
        for kind in kinds where kind.isInstalled && (kind == .sqlite || !isOfFiles) {
            if kind == .postgreSQL { await Self.room.enter() }
            defer { if kind == .postgreSQL { Self.room.leave() } }
            try await DatabaseKind.$current.withValue(kind) { try await function() }
        }
    }

    /// The server has room for the connections of so many tests at a time.
    private static let room = Room(8)
}

/// Lets in so many at a time, in the order of their arrival.
private final class Room: Sendable {
    private let state: Mutex<(free: Int, waiting: [CheckedContinuation<Void, Never>])>

    init(_ places: Int) { state = Mutex((places, [])) }

    func enter() async {
        await withCheckedContinuation { continuation in
            let isIn = state.withLock { state in
                guard state.free == 0 else {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isIn { continuation.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state in
            if state.waiting.isEmpty {
                state.free += 1
                return nil as CheckedContinuation<Void, Never>?
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}

/// A test of what only a database in a file promises, or how it keeps a promise.
struct FilesOnly: TestTrait {}

extension Trait where Self == EachDatabase {
    static var onEachDatabase: EachDatabase { EachDatabase() }

    /// What only a database at a server promises. Skipped where none is installed.
    static var onServer: EachDatabase { EachDatabase(kinds: [.postgreSQL]) }
}

extension Trait where Self == FilesOnly {
    static var ofFiles: FilesOnly { FilesOnly() }
}
