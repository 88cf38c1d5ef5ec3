import Foundation
import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Transport

extension ControlPlane {
    /// How often to look whether the socket's file is still there.
    private static let lookInterval = Duration.seconds(1)
    /// How long to wait before a socket that could not be made again is tried once more.
    private static let retryInterval = Duration.seconds(10)

    /// Serves the API until the task is cancelled, on a Unix socket that only this user can connect to.
    ///
    /// Replaces what is at the path, such as a socket left by an earlier process. Makes the socket again if somebody
    /// removes or replaces its file.
    package func serve(socket path: String, whenListening: @escaping @Sendable () -> Void) async throws {
        var isThere = try await serveWhileThere(path, whenListening)
        let file: Logger.Metadata = ["file": "\(path)"]
        while !isThere, !Task.isCancelled {
            logger.error("the control API's socket was removed or replaced: it is made again", metadata: file)
            do {
                isThere = try await serveWhileThere(path) {}
            } catch {
                if Task.isCancelled { return }
                logger.error("the control API's socket cannot be made: \(error)", metadata: file)
                try? await Task.sleep(for: Self.retryInterval)
            }
        }
    }

    /// Serves the API until the task is cancelled, or the socket's file is not the one that was made.
    ///
    /// - Returns: false if the file is not.
    private func serveWhileThere(_ path: String, _ whenListening: @escaping @Sendable () -> Void) async throws -> Bool {
        // Create the socket where nobody else has access, and move it into place once its mode is set.
        let folder = path + ".new"
        let manager = FileManager.default
        try? manager.removeItem(atPath: folder)
        try manager.createDirectory(
            atPath: folder,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        defer { try? manager.removeItem(atPath: folder) }
        let hidden = folder + "/s"
        var quiet = logger
        // Silence the server: the caller reports when the gateway listens, the access log shows what became of
        // requests, and a requested stop is not an error.
        quiet.logLevel = .critical
        let failure = FirstError()
        let made = Mutex<SocketFile?>(nil)
        let application = Application(
            responder: Responder(plane: self),
            configuration: ApplicationConfiguration(address: .unixDomainSocket(path: hidden), backlog: 1024),
            onServerRunning: { channel in
                do {
                    try Self.publish(hidden, at: path)
                    made.withLock { $0 = SocketFile(path) }
                    try FileManager.default.removeItem(atPath: folder)
                    whenListening()
                } catch {
                    failure.set(error)
                    channel.close(promise: nil)
                }
            },
            logger: quiet
        )
        let isThere = Atomic(true)
        // The file may be another's by then.
        defer { if let own = made.withLock({ $0 }), SocketFile(path) == own { try? manager.removeItem(atPath: path) } }
        do {
            try await Self.run(application, logger: quiet) {
                let files = FileThread("socket of the control API")
                while (try? await Task.sleep(for: Self.lookInterval)) != nil {
                    // Not before it is in place: what is there by then may be an earlier process's.
                    guard let own = made.withLock({ $0 }), await files.run({ SocketFile(path) }) != own else {
                        continue
                    }
                    isThere.store(false, ordering: .relaxed)
                    return
                }
            }
        } catch {
            if let failure = failure.value { throw failure }
            if !Task.isCancelled { throw error }
        }
        if let failure = failure.value { throw failure }
        return isThere.load(ordering: .relaxed)
    }

    /// Runs until the task is cancelled or `end` returns, then still serves the open connections for a while. Cancelling
    /// the server itself would drop connections that were accepted but not looked at yet, which NIO treats as a fault.
    private static func run(
        _ application: Application<Responder>,
        logger: Logger,
        until end: @escaping @Sendable () async -> Void
    ) async throws {
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(3)
        let group = ServiceGroup(configuration: configuration)
        let running = Task { try await group.run() }
        let watching = Task {
            await end()
            if !Task.isCancelled { await group.triggerGracefulShutdown() }
        }
        defer { watching.cancel() }
        try await withTaskCancellationHandler {
            try await running.value
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }

    /// Which file a socket has, whatever its name.
    private struct SocketFile: Equatable {
        private let device: UInt64
        private let inode: UInt64

        /// Returns `nil` if there is none.
        init?(_ path: String) {
            var status = stat()
            // SAFETY: the path is passed as a C string for the call, which fills a local.
            guard unsafe lstat(path, &status) == 0 else { return nil }
            (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
        }
    }

    private static func publish(_ hidden: String, at path: String) throws {
        // SAFETY: the paths are passed as C strings for the calls.
        guard unsafe chmod(hidden, 0o600) == 0, unsafe rename(hidden, path) == 0 else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
    }

    /// Passes requests to the control plane.
    private struct Responder: HTTPResponder {
        let plane: ControlPlane

        func respond(to request: Request, context: Context) async throws -> Response {
            let answer = await plane.answer(request.head, request.body)
            guard answer.weight > 0, request.method != .head else {
                var response = Response(status: answer.status, headers: answer.fields)
                // RFC 9110 section 8.6: for HEAD it is the length of the GET, if that has one; for 204 there is none.
                let hasLength = answer.status != .noContent && answer.further == nil
                response.headers[.contentLength] = hasLength ? String(answer.body.count) : nil
                return response
            }
            return Response(status: answer.status, headers: answer.fields, body: body(of: answer))
        }

        /// How much is written at once, in bytes. The system takes each piece over.
        private static let pieceSize = 32 << 10

        /// Writes an answer piece by piece as the client reads, so that its place is not given back earlier.
        private func body(of answer: Answer) -> ResponseBody {
            guard answer.further != nil || answer.body.count > Self.pieceSize else {
                return ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
            }
            return ResponseBody(contentLength: answer.further == nil ? answer.body.count : nil) {
                [logger = plane.logger] writer in
                try await Self.write(answer.body, to: &writer)
                var number = 0
                while let piece = try await Self.piece(number, of: answer, logger) {
                    try await Self.write(piece, to: &writer)
                    number += 1
                }
                try await writer.finish(nil)
                answer.place?.leave()
            }
        }

        private static func piece(_ number: Int, of answer: Answer, _ logger: Logger) async throws -> [UInt8]? {
            do {
                return try await answer.further?.piece(number)
            } catch {
                // Cut the connection, so that nobody takes the part for the whole.
                if !Task.isCancelled { logger.error("an answer of the control API was broken off: \(error)") }
                throw error
            }
        }

        private static func write(_ bytes: [UInt8], to writer: inout any ResponseBodyWriter) async throws {
            for start in stride(from: 0, to: bytes.count, by: pieceSize) {
                try await writer.write(ByteBuffer(bytes: bytes[start..<min(start + pieceSize, bytes.count)]))
            }
        }
    }

    /// Requests need none of Hummingbird's own context.
    private struct Context: InitializableFromSource {
        init(source: ApplicationRequestContextSource) {}
    }
}
