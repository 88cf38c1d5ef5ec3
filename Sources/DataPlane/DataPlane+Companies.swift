package import Basics
package import GatewayConfiguration
import Synchronization

/// Companies that change while the gateway runs.
extension DataPlane {
    /// Lets `handler` answer the operator's calls about companies.
    package func serveCompanies(_ handler: @escaping @Sendable (OperatorCall) async -> OperatorAnswer) {
        site.companyCalls.set(handler)
    }

    /// Answers an operator's call about companies, from somebody who may make it. Returns `nil` while there is no
    /// directory of companies, or it is being handed over.
    package func operate(_ call: OperatorCall) async -> OperatorAnswer? {
        guard !site.isControlPaused.load(ordering: .relaxed), let handler = site.companyCalls.closure else {
            return nil
        }
        return await handler(call)
    }

    /// Takes other companies. Returns once every event loop has them: what is open and no longer good ends then.
    ///
    /// - Parameter merge: makes the settings from those in effect, with other companies.
    package func adoptCompanies(_ merge: (_ running: Settings) -> Settings) async {
        var changesKeySets = false
        await site.adopt { running in
            let settings = merge(running)
            changesKeySets = settings.companies.flatMap(\.keySetURLs) != running.companies.flatMap(\.keySetURLs)
            return settings
        }
        if changesKeySets { site.runOnFirstWorker { $0.adoptChores() } }
    }
}
