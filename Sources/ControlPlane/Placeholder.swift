package import Admission
package import Directory
package import GatewayConfiguration
package import Logging

package final class ControlPlane: Sendable {
    package init(
        settings: Settings,
        directory: Directory,
        sessions: LiveSessions,
        kick: @escaping @Sendable (LiveSession) -> Void,
        logger: Logger
    ) {}
    package func serve(socket path: String, whenListening: @escaping @Sendable () -> Void) async throws {}
    package func adopt(_ settings: Settings) {}
}
package final class WebhookDelivery: Sendable {
    package init(
        directory: Directory,
        allowedPrivate: [AddressRange],
        logger: Logger,
        clock: @escaping @Sendable () -> Milliseconds
    ) {}
    package func run() async {}
    package func adopt(allowedPrivate: [AddressRange]) {}
}
