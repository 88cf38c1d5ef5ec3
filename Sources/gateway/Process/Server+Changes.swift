import DataPlane
import GatewayConfiguration
import Logging

extension Server {
    /// Loads certificates whose files have changed.
    ///
    /// - Parameter file: the configuration, from whose folder paths count.
    func renewCertificates(_ dataPlane: DataPlane, from file: ConfigurationFile, _ logger: Logger) async {
        let renewal = dataPlane.settings.renewingCertificates(readFile: file.read)
        for problem in renewal.problems { logger.error("\(problem); what is in use stays") }
        guard !renewal.changes.isEmpty else { return }
        do throws(ConfigurationError) {
            try await dataPlane.renewCertificates(renewal.settings)
            for change in renewal.changes { logger.notice("loaded again: \(change)") }
        } catch {
            for problem in error.problems { logger.error("\(problem); what is in use stays") }
        }
    }
}
