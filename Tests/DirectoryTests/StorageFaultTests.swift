import Basics
import GRDB
import Synchronization
import Testing

@testable import Admission
@testable import Directory

@Suite("A database that cannot be written says so once, and reads go on", .onEachDatabase)
struct StorageFaultTests {
    @Test(
        "SQLite's errors have their reason, and others have none",
        arguments: [
            (ResultCode.SQLITE_FULL, StorageFault.full), (.SQLITE_IOERR_WRITE, .failing), (.SQLITE_IOERR, .failing),
            (.SQLITE_READONLY_DBMOVED, .readOnly), (.SQLITE_CANTOPEN, .unopenable), (.SQLITE_BUSY, .locked),
            (.SQLITE_LOCKED, .locked), (.SQLITE_CORRUPT, .damaged), (.SQLITE_NOTADB, .damaged),
            (.SQLITE_CONSTRAINT_UNIQUE, nil), (.SQLITE_MISUSE, nil), (.SQLITE_ERROR, nil),
        ] as [(ResultCode, StorageFault?)]
    )
    func reasons(code: ResultCode, fault: StorageFault?) {
        #expect(StorageFault(DatabaseError(resultCode: code)) == fault)
    }

    @Test("A fault is news once, another one too, and it is over when writes have succeeded for a while")
    func state() {
        var state = StorageState()
        func isNews(_ fault: StorageFault?, at now: Milliseconds) -> Bool { state.wrote(fault, at: now) }
        #expect(isNews(nil, at: 0) == false)
        #expect(isNews(.full, at: 1000) == true)
        #expect(isNews(.full, at: 2000) == false)
        #expect(isNews(nil, at: 2000 + StorageState.calm - 1) == false)
        #expect(state.fault == .full)
        #expect(isNews(.failing, at: 13_000) == true)
        #expect(isNews(nil, at: 13_000 + StorageState.calm - 1) == false)
        #expect(isNews(nil, at: 13_000 + StorageState.calm) == true)
        #expect(state.fault == nil)
    }

    @Test("On a full disk writes fail and change nothing, reads go on, and both ends are told once", .ofFiles)
    func full() async throws {
        let database = try TestDatabase()
        try await database.withDirectory { directory in
            let told = Mutex<[StorageFault?]>([])
            directory.onStorageChange { fault in told.withLock { $0.append(fault) } }
            let event = try await directory.makeEvent()
            let pages = try directory.storage.write { database in
                let count = try database.value("PRAGMA page_count", as: Int.self) ?? 0
                return try database.value("PRAGMA max_page_count = \(count)", as: Int.self) ?? 0
            }
            #expect(pages > 0)
            let long = String(repeating: "n", count: 100_000)
            for _ in 0..<2 {
                let error = await #expect(throws: DatabaseError.self) { try await directory.makeEvent(long) }
                #expect(error.flatMap { StorageFault($0) } == .full)
            }
            #expect(directory.storageFault == .full)
            #expect(try await directory.eventIDs(of: "acme") == [event.uid])
            let failures = await directory.read().commits.failures
            #expect(failures > 0)
            try directory.storage.write { database in
                _ = try database.value("PRAGMA max_page_count = 1000000", as: Int.self)
            }
            database.clock.advance(StorageState.calm)
            _ = try await directory.makeEvent(long)
            let heard = told.withLock { $0 }
            #expect(directory.storageFault == nil && heard == [.full, nil])
        }
    }

    @Test("A write that ends the transaction of its group fails all of it, and those that follow are not written")
    func group() async throws {
        let database = try TestDatabase()
        try await database.withDirectory { directory in
            let outcomes = try await GroupCommitTests.asOneGroup(
                directory,
                [
                    { try await directory.makeEvent("before").uid },
                    {
                        try await directory.writer.write { database, _ in
                            // As SQLite does by itself on a full disk.
                            try database.execute("ROLLBACK")
                            throw DatabaseError(resultCode: .SQLITE_FULL)
                        }
                    },
                    { try await directory.makeEvent("after").uid },
                ]
            )
            #expect(outcomes.allSatisfy { $0.hasPrefix("failed: ") }, "\(outcomes)")
            #expect(try await directory.eventIDs(of: "acme").isEmpty && directory.storageFault == .full)
        }
    }
}
