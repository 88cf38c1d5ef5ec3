package import Basics
package import GatewayConfiguration

/// Companies that change while the gateway runs.
extension DataPlane {
    /// Lets `handler` answer the operator's calls about companies.
    package func serveCompanies(_ handler: @escaping @Sendable (OperatorCall) async -> OperatorAnswer) {
        site.companyCalls.set(handler)
    }

    /// Takes other companies. Returns once every event loop has them: what is open and no longer good ends then.
    ///
    /// - Parameter settings: ``settings`` but for companies.
    package func adoptCompanies(of settings: Settings) async {
        let before = site.snapshot.keySetURLs
        await site.adopt(settings)
        if site.snapshot.keySetURLs != before { site.runOnFirstWorker { $0.adoptChores() } }
    }
}
