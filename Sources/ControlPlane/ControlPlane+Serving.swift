import Foundation
import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

extension ControlPlane {
    /// Serves the API on a Unix socket that only this user can connect to, until the task is cancelled.
    ///
    /// What is at the path is replaced: a socket that an earlier process left behind.
    package func serve(socket path: String, whenListening: @escaping @Sendable () -> Void) async throws {
        // It is made where nobody else gets to, and put in its place when its mode is right.
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
        // Others say when the gateway listens; what became of a request is in its answer and in the access log; and that
        // the server was told to stop is no error.
        quiet.logLevel = .critical
        let failure = FirstError()
        let application = Application(
            responder: Responder(plane: self),
            configuration: ApplicationConfiguration(address: .unixDomainSocket(path: hidden), backlog: 1024),
            onServerRunning: { channel in
                do {
                    try Self.publish(hidden, at: path)
                    try FileManager.default.removeItem(atPath: folder)
                    whenListening()
                } catch {
                    failure.set(error)
                    channel.close(promise: nil)
                }
            },
            logger: quiet
        )
        defer { try? manager.removeItem(atPath: path) }
        do {
            try await Self.run(application, logger: quiet)
        } catch {
            if let failure = failure.value { throw failure }
            if !Task.isCancelled { throw error }
        }
        if let failure = failure.value { throw failure }
    }

    /// Runs until the task is cancelled; then connections that have come are still served, for a while. To cancel the
    /// server itself would drop those that it has accepted and not yet looked at, which NIO takes for a fault.
    private static func run(_ application: Application<Responder>, logger: Logger) async throws {
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(3)
        let group = ServiceGroup(configuration: configuration)
        let running = Task { try await group.run() }
        try await withTaskCancellationHandler {
            try await running.value
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }

    private static func publish(_ hidden: String, at path: String) throws {
        // SAFETY: the paths are passed as C strings for the calls.
        guard unsafe chmod(hidden, 0o600) == 0, unsafe rename(hidden, path) == 0 else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
    }

    /// Hands requests to the plane.
    private struct Responder: HTTPResponder {
        let plane: ControlPlane

        func respond(to request: Request, context: Context) async throws -> Response {
            let answer = await plane.answer(request.head, request.body)
            guard answer.weight > 0, request.method != .head else {
                var response = Response(status: answer.status, headers: answer.fields)
                // RFC 9110 section 8.6: of HEAD it is that of the GET, where that has one; of 204 there is none.
                let hasLength = answer.status != .noContent && answer.further == nil
                response.headers[.contentLength] = hasLength ? String(answer.body.count) : nil
                return response
            }
            return Response(status: answer.status, headers: answer.fields, body: body(of: answer))
        }

        /// What is written at once; the system takes it from us.
        private static let pieceSize = 32 << 10

        /// Writes an answer as it is read, piece by piece, so that its place is not given back before.
        private func body(of answer: Answer) -> ResponseBody {
            guard answer.further != nil || answer.body.count > Self.pieceSize else {
                return ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
            }
            return ResponseBody(contentLength: answer.further == nil ? answer.body.count : nil) {
                [logger = plane.logger] writer in
                try await Self.write(answer.body, to: &writer)
                for number in 0..<(answer.further?.count ?? 0) {
                    guard let piece = try await Self.piece(number, of: answer, logger) else { continue }
                    try await Self.write(piece, to: &writer)
                }
                try await writer.finish(nil)
                answer.place?.leave()
            }
        }

        private static func piece(_ number: Int, of answer: Answer, _ logger: Logger) async throws -> [UInt8]? {
            do {
                return try await answer.further?.piece(number)
            } catch {
                // The connection is cut, so that nobody takes what came for the whole.
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

    /// Nothing of Hummingbird's own is needed with a request.
    private struct Context: InitializableFromSource {
        init(source: ApplicationRequestContextSource) {}
    }
}
