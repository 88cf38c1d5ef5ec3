import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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
            // Not cancelled but told: a connection that is accepted while its server is cancelled has nobody to end it, and
            // SwiftNIO ends the process.
            let group = ServiceGroup(services: [application], logger: quiet)
            let stop = AsyncStream.makeStream(of: Void.self)
            async let stopping: Void = {
                for await _ in stop.stream { break }
                await group.triggerGracefulShutdown()
            }()
            let running = Task { try await group.run() }
            try await withTaskCancellationHandler {
                try await running.value
            } onCancel: {
                stop.continuation.yield()
            }
            stop.continuation.yield()
            await stopping
        } catch {
            if let failure = failure.value { throw failure }
            if !Task.isCancelled { throw error }
        }
        if let failure = failure.value { throw failure }
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
            guard !answer.body.isEmpty, request.method != .head else {
                var response = Response(status: answer.status, headers: answer.fields)
                // RFC 9110 section 8.6: of HEAD it is that of the GET, of 204 there is none.
                response.headers[.contentLength] = answer.status == .noContent ? nil : String(answer.body.count)
                return response
            }
            let body = ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
            return Response(status: answer.status, headers: answer.fields, body: body)
        }
    }

    /// Nothing of Hummingbird's own is needed with a request.
    private struct Context: InitializableFromSource {
        init(source: ApplicationRequestContextSource) {}
    }
}
