import Foundation
import Testing

@testable import Directory

@Suite("Removed or replaced files of an open database are detected")
struct DatabasePresenceTests {
    private let database: TestDatabase

    init() throws { database = try TestDatabase() }

    @Test("Each of them", arguments: ["", "-wal", ".lock"])
    func removed(suffix: String) async throws {
        try await database.withDirectory { directory in
            _ = try await directory.makeEvent()
            #expect(directory.missingFiles == [])
            let file = database.path + suffix
            try FileManager.default.moveItem(atPath: file, toPath: file + ".moved")
            #expect(directory.missingFiles == [file])
            try Data("another".utf8).write(to: URL(fileURLWithPath: file))
            #expect(directory.missingFiles == [file], "it is another file")
            try FileManager.default.removeItem(atPath: file)
            try FileManager.default.moveItem(atPath: file + ".moved", toPath: file)
            #expect(directory.missingFiles == [])
        }
    }

    @Test("Checkpoints and backups by others are not mistaken for it")
    func used() async throws {
        try await database.withDirectory { directory in
            for _ in 0..<20 { _ = try await directory.makeEvent() }
            await directory.storage.forgetDeleted()
            #expect(Directory.problems(in: database.path).isEmpty)
            #expect(directory.missingFiles == [])
        }
    }
}
