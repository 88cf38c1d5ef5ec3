import Basics
import Transport

/// The operator console on the admin listener. The console judges and answers; this passes its requests and answers on.
extension Exchange {
    /// The most bytes of a form.
    private static let maxForm = 64 << 10

    func serveConsole(_ request: RequestView, path: String) {
        guard let answer = worker.site.consoleCalls.closure else { return respond(status: 404) }
        state.request.maxBytes = Self.maxForm
        if case .length(let length) = state.request.framing, length > Self.maxForm { return respond(status: 413) }
        let call = consoleCall(request, path: path)
        guard !state.request.isComplete else { return pass(call, to: answer) }
        operatorCall = ArrivingCall { exchange, body in
            var call = call
            call.body = body
            exchange.pass(call, to: answer)
        }
        if state.request.expectsContinue { sendContinue() }
    }

    private func consoleCall(_ request: RequestView, path: String) -> ConsoleCall {
        let verb: ConsoleCall.Method =
            switch method {
            case .get: .get
            case .head: .head
            case .post: .post
            default: .other
            }
        let address = address
        var call = ConsoleCall(
            method: verb,
            path: path,
            address: address.map { String(decoding: $0.text, as: UTF8.self) } ?? "",
            addressHash: address?.hash ?? 0
        )
        if let query = request.query { call.query = query.copied() }
        if let authority = request.authority { call.authority = authority.copied() }
        if request.isSingle(.cookie), let cookie = request.value(of: .cookie) { call.cookie = cookie.copied() }
        if let origin = request.value(of: .origin) { call.origin = origin.copied() }
        if let site = request.value(of: .secFetchSite) { call.fetchSite = site.copied() }
        call.isSecure = request.field(.xForwardedProto, is: "https")
        return call
    }

    private func pass(_ call: ConsoleCall, to console: @escaping @Sendable (ConsoleCall) async -> ConsoleAnswer) {
        let mailbox = worker.loop.mailbox
        let (bound, serial) = (Confined(self, to: mailbox), serial)
        Task.detached {
            let answer = await console(call)
            let isSent = await mailbox.run { _ in
                // By now the client may be gone, and another request may be in progress.
                guard bound.value.isActive, bound.value.serial == serial else { return false }
                return bound.value.send(answer)
            }
            guard isSent ?? false, let next = answer.pieces else { return }
            while let piece = await next() {
                guard await mailbox.run({ _ in bound.value.send(piece, of: serial) }) ?? false else { return }
            }
            mailbox.post { _ in
                if bound.value.isActive, bound.value.serial == serial { bound.value.responseEnded() }
            }
        }
    }

    /// Sends an answer, or the head of one whose body comes in pieces.
    ///
    /// - Returns: whether pieces may follow.
    private func send(_ answer: ConsoleAnswer) -> Bool {
        var fields = ""
        for (name, value) in answer.fields where !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            fields += "\(name): \(value)\r\n"
        }
        guard answer.pieces != nil else {
            let (type, body) = (answer.type, answer.body)
            respond(status: answer.status, fields: fields, type: type, body: body, caching: answer.caching)
            return false
        }
        guard beginAnswer(status: answer.status, fields: fields, type: answer.type, length: nil) else { return false }
        guard !isForHead else {
            complete()
            return false
        }
        flushToClient()
        return isActive
    }

    /// Sends a piece of a body. A client that does not keep up misses it.
    ///
    /// - Returns: whether more may follow.
    private func send(_ piece: [UInt8], of number: UInt64) -> Bool {
        guard isActive, serial == number, let client else { return false }
        guard !worker.isReplaced else {
            // The process ends once its connections have. The client comes back to the one that took its place.
            state.answer.keepsAlive = false
            responseEnded()
            return false
        }
        if client.isWritable, client.unsentBytes == 0 {
            responseBody(piece.span)
            flushToClient()
        }
        return isActive && serial == number
    }
}
