import Basics
import Synchronization
import Transport

/// A call of the operator whose body is arriving.
final class ArrivingCall {
    /// Answers it once the body is complete.
    let answer: (Exchange, _ body: [UInt8]) -> Void

    init(_ answer: @escaping (Exchange, _ body: [UInt8]) -> Void) { self.answer = answer }
}

/// Companies of the directory in the operator API. The control plane answers.
extension Exchange {
    /// The most bytes of a body.
    private static let maxBody = 256 << 10

    func serveCompanies(_ request: RequestView, path: String) {
        guard isOperator(request) else { return }
        let site = worker.site
        guard site.companyCalls.closure != nil else {
            respond(status: 404, detail: "There is no directory of companies: control.enabled is not true.")
            return
        }
        guard !site.isControlPaused.load(ordering: .relaxed) else {
            respond(status: 503, fields: "Retry-After: 1\r\n", detail: "The control API is being restarted.")
            return
        }
        state.request.maxBytes = Self.maxBody
        if case .length(let length) = state.request.framing, length > Self.maxBody {
            respond(status: 413)
            return
        }
        var query: [UInt8]?
        if let given = request.query { query = given.copied() }
        let call = OperatorCall(
            method: String(decoding: request.methodName.copied(), as: UTF8.self),
            path: path,
            query: query,
            requestID: state.request.id.string
        )
        guard !state.request.isComplete else { return answerOperator(call) }
        operatorCall = ArrivingCall { exchange, body in
            var call = call
            call.body = body
            exchange.answerOperator(call)
        }
        if state.request.expectsContinue { sendContinue() }
    }

    /// Lets the control plane answer a call whose body is complete.
    private func answerOperator(_ call: OperatorCall) {
        guard let handler = worker.site.companyCalls.closure else { return respond(status: 404) }
        let mailbox = worker.loop.mailbox
        let (bound, serial) = (Confined(self, to: mailbox), serial)
        Task.detached {
            let answer = await handler(call)
            mailbox.post { _ in
                // By now the client may be gone, and another request may be in progress.
                guard bound.value.isActive, bound.value.serial == serial else { return }
                bound.value.respond(
                    status: answer.status,
                    fields: answer.allowed.map { "Allow: \($0)\r\n" } ?? "",
                    type: answer.body == nil ? nil : "application/json",
                    body: answer.body?.serialized() ?? []
                )
            }
        }
    }
}
