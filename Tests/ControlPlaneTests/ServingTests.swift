import Foundation
import Glibc
import Testing

@testable import ControlPlane

@Suite("The API listens on a Unix socket that only its owner can use")
struct ServingTests {
    /// Requests the document over the socket, and returns the first line of the answer.
    private func ask(_ path: String) throws -> String {
        let descriptor = try connection(path)
        defer { close(descriptor) }
        return try ask(descriptor)
    }

    private func connection(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let size = MemoryLayout.size(ofValue: address.sun_path)
        // SAFETY: at most the path's own size is copied into the address, which outlives the calls.
        let connected = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
            let bytes = Array(path.utf8)
            guard bytes.count < size else { return false }
            unsafe room.copyBytes(from: bytes)
            return true
        }
        guard connected else { throw Unexpected(what: "path too long") }
        // SAFETY: the address is a sockaddr_un of the length that is given.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw Unexpected(what: "connect: \(errno)")
        }
        return descriptor
    }

    private func ask(_ descriptor: Int32) throws -> String {
        let request = Array("GET /api/openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
        // SAFETY: both buffers are arrays that outlive the calls, with their own lengths.
        _ = unsafe write(descriptor, request, request.count)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            // SAFETY: at most the buffer's own length is read into it.
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count <= 0 { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer.prefix { $0 != 13 }, as: UTF8.self)
    }

    @Test("It replaces an earlier process's socket, has mode 0600, answers, and is gone when its task is cancelled")
    func serving() async throws {
        let service = try Service()
        let path = service.folder.appending(path: "api.sock").path
        try Data("stale".utf8).write(to: URL(fileURLWithPath: path))
        let (events, sink) = AsyncStream<Void>.makeStream()
        let task = Task { try await service.plane.serve(socket: path) { sink.yield() } }
        for await _ in events { break }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try ask(path) == "HTTP/1.1 200 OK")
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
        // A connection that waits for its next request does not delay the end.
        let idle = try connection(path)
        defer { close(idle) }
        task.cancel()
        try await task.value
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(throws: Unexpected.self) { try ask(path) }
    }

    @Test("An unusable path is reported at once")
    func unusable() async throws {
        let service = try Service()
        let path = service.folder.appending(path: "missing/api.sock").path
        await #expect(throws: (any Error).self) { try await service.plane.serve(socket: path) {} }
    }
}
