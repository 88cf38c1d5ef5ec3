package import Admission
package import Directory
package import GatewayConfiguration
package import Logging

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
