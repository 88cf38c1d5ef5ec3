import Foundation
import Testing

@testable import Admission
@testable import Directory

@Suite("The database file is private, used by one process, and left alone if it is not ours")
struct DatabaseFileTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test("Only the owner can read the file and SQLite's files beside it, whatever the umask")
    func fileMode() async throws {
        try await database.withDirectory { directory in
            _ = try await directory.makeEvent()
            for ending in ["", "-wal", "-shm", ".lock"] { #expect(try mode(database.path + ending) == 0o600) }
        }
    }

    @Test("A file that is not a database, is damaged or is another program's is refused, and stays unchanged")
    func notOurs() async throws {
        func expectRefusal(_ words: String) throws {
            let before = try database.bytes
            let fault = try #require(database.fault())
            #expect(fault.hasPrefix("\(database.path): "))
            #expect(fault.contains(words), "\(fault)")
            #expect(try database.bytes == before)
            #expect(!Directory.problems(in: database.path).isEmpty)
        }
        let url = URL(fileURLWithPath: database.path)
        try Data("public_url = \"https://embed.example.com\"\n".utf8).write(to: url)
        try expectRefusal("not a database of the gateway")
        try Data(repeating: 0x5A, count: 65_536).write(to: url)
        try expectRefusal("not a database of the gateway")
        for script in [
            "CREATE TABLE bookmark (id INTEGER PRIMARY KEY)", "CREATE VIEW v AS SELECT 1",
            "CREATE TABLE event (id INTEGER PRIMARY KEY, uid TEXT)",
        ] {
            try FileManager.default.removeItem(at: url)
            _ = try database.query(script)
            try expectRefusal("not a database of the gateway")
        }
        // Another program that stores its migrations in the same way.
        _ = try database.query("CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
        _ = try database.query("INSERT INTO grdb_migrations VALUES ('v1')")
        try expectRefusal("not a database of the gateway")
    }

    @Test("A damaged database is refused with the advice to restore it, and stays unchanged")
    func damaged() async throws {
        try await database.withDirectory { directory in
            for index in 0..<300 {
                _ = try await directory.makeEvent("\(index) " + String(repeating: "n", count: 200))
            }
        }
        let whole = try database.bytes
        #expect(Directory.problems(in: database.path).isEmpty)
        let url = URL(fileURLWithPath: database.path)
        var spoilt = whole
        spoilt.replaceSubrange(4096..., with: Data(repeating: 0xFF, count: whole.count - 4096))
        for bytes in [whole.prefix(whole.count / 2), spoilt] {
            try bytes.write(to: url)
            let fault = try #require(database.fault())
            #expect(fault == "\(database.path): the database is damaged; restore it from a backup")
            #expect(try database.bytes == bytes)
            #expect(!Directory.problems(in: database.path).isEmpty)
        }
        try whole.write(to: url)
        try await database.withDirectory { directory in
            let uids = try await directory.eventIDs(of: "acme")
            #expect(uids.count == 300)
        }
    }

    @Test("A database of a later version is refused, and stays unchanged")
    func laterVersion() async throws {
        try await database.withDirectory { _ = try await $0.makeEvent() }
        _ = try database.query("INSERT INTO grdb_migrations VALUES ('99 of tomorrow')")
        let before = try database.bytes
        #expect(database.fault() == "\(database.path): made by a later version of the gateway")
        #expect(try database.bytes == before)
        #expect(Directory.problems(in: database.path) == ["\(database.path): made by a later version of the gateway"])
    }

    @Test("An empty file becomes a database, and one whose creation was interrupted is completed")
    func interrupted() async throws {
        _ = FileManager.default.createFile(atPath: database.path, contents: nil)
        try await database.withDirectory { _ = try await $0.makeEvent() }
        for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: database.path + ending) }
        _ = try database.query("PRAGMA journal_mode = WAL")
        _ = try database.query("CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
        try await database.withDirectory { directory in
            _ = try await directory.makeEvent()
            #expect(try await directory.eventIDs(of: "acme").count == 1)
        }
    }

    @Test("Nobody else can open the database while it is in use, and anybody can once it is closed")
    func lock() async throws {
        let directory = try database.open()
        _ = try await directory.makeEvent()
        #expect(database.fault() == "\(database.path): in use by another process")
        // Seen from another process.
        #expect(throws: ProgramFailure.self) { try run("flock", "-n", "\(database.path).lock", "true") }
        #expect(try await directory.eventIDs(of: "acme").count == 1)
        await directory.close()
        try run("flock", "-n", "\(database.path).lock", "true")
        let again = try database.open()
        #expect(try await again.eventIDs(of: "acme").count == 1)
        await again.close()
    }

    @Test("The lock of a process that was killed is gone")
    func lockOfTheDead() async throws {
        let holder = Process()
        let output = Pipe()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        holder.arguments = ["flock", "--no-fork", "\(database.path).lock", "sh", "-c", "echo held; exec cat /dev/zero"]
        holder.standardOutput = output
        try holder.run()
        #expect(output.fileHandleForReading.readData(ofLength: 5) == Data("held\n".utf8))
        #expect(database.fault() == "\(database.path): in use by another process")
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        let directory = try database.open()
        await directory.close()
    }

    @Test("A closed directory fails calls, and does not hang")
    func closed() async throws {
        let directory = try database.open()
        await directory.close()
        await #expect(throws: (any Error).self) { try await directory.makeEvent() }
        await #expect(throws: (any Error).self) { try await directory.eventIDs(of: "acme") }
    }

    @Test("A missing or read-only folder gives a clear error")
    func noFolder() {
        let path = "\(database.folder)/none/gateway.sqlite"
        let fault = #expect(throws: DirectoryFault.self) { _ = try Directory(database: path) { start } }
        #expect(fault?.description == "\(path).lock: No such file or directory")
        #expect(Directory.problems(in: path).isEmpty)
        let folder = #expect(throws: DirectoryFault.self) { _ = try Directory(database: database.folder) { start } }
        #expect(folder?.description == "\(database.folder): Is a directory")
        try? FileManager.default.removeItem(atPath: "\(database.folder).lock")
    }
}
