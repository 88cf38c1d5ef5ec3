import Basics
import GatewayConfiguration
import Transport

/// Requests on a plaintext listener with `redirect = "https"`. None of them is forwarded.
extension Exchange {
    /// The most challenges whose files are being read. An authority asks from a handful of places.
    private static let maxChallenges = 64

    /// Sends the client to the same path and query under `public_url`. Answers health checks and ACME's challenges, since
    /// those who ask do not expect a redirect.
    func redirectToHTTPS(_ request: RequestView, _ rules: ListenerRules) {
        state.request.slot = CounterLabels.ownEndpoint
        switch ExactText(String(decoding: request.path.copied(), as: UTF8.self)) {
        case "/.gateway/healthz": return serveHealth()
        case "/.gateway/readyz": return serveReadiness()
        default: break
        }
        if let folder = rules.acmeDirectory, let name = ChallengeFile.name(in: request.path) {
            serveChallenge(name, below: folder)
            return
        }
        // First, because the scan below takes tokens out of it.
        let location = request.location
        if refusesPlaintext(request) { return }
        request.scanQuery(tokenNames: snapshot.tokenNames, takesJoinCodes: snapshot.takesJoinCodes)
        // The link already went over the network in plaintext. Its token gains nothing for a listener by being sent
        // back, and the viewer gets in. The log shows the operator that somebody hands out such links.
        if !request.removedMembers.isEmpty { record.fault = "token_in_plaintext" }
        // Programs that do not know 308 send no bodies.
        let status = method == .get || method == .head ? 301 : 308
        respond(
            status: status,
            fields: "Location: \(snapshot.settings.publicURL.origin)\(location)\r\n",
            type: nil,
            body: []
        )
    }

    /// Refuses a program's request. With a redirect it would work, and send its credentials in plaintext forever.
    private func refusesPlaintext(_ request: RequestView) -> Bool {
        let match = try? request.route(in: snapshot.routes)
        state.verdict.isControlCall = match.map { isControl(snapshot.routeUpstream[$0.route]) } ?? false
        guard state.verdict.isControlCall || request.contains(.authorization) || request.contains(.gatewaySession)
        else { return false }
        record.fault = "credentials_in_plaintext"
        var problem = Problem(
            status: 403,
            code: "https_required",
            title: "HTTPS required",
            detail: "Call \(snapshot.settings.publicURL.origin) instead: here, others can read what is sent.",
            activeFor: nil,
            requestID: state.request.id.string
        )
        problem.isForAPI = state.verdict.isControlCall
        respond(status: 403, fields: "", type: "application/problem+json", body: problem.json)
        return true
    }

    private func serveChallenge(_ name: String, below folder: String) {
        guard allows(method == .get || method == .head, "GET, HEAD") else { return }
        let files = worker.site.challengeFiles
        answer(type: "application/octet-stream") {
            // While the folder's file system does not answer, requests must not pile up.
            let found = await files.run(ifFewerThan: Self.maxChallenges) { ChallengeFile.read(name, below: folder) }
            guard let found else { return .failure(OperatorFault(status: 503)) }
            return found.map { .success($0) } ?? .failure(OperatorFault(status: 404))
        }
    }
}
