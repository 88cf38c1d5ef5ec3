import Basics
import Foundation
import Testing

/// A connection to Chromium over which [its protocol](https://chromedevtools.github.io/devtools-protocol/) is spoken.
final class DevTools {
    private let socket: WebSocketEnd
    private var number = 0
    /// Gets what the browser tells while a call waits for its answer.
    var onEvent: (_ method: String, _ parameters: JSONValue) -> Void = { _, _ in }

    init(port: UInt16, path: String) throws {
        let client = try Client(port: port)
        client.send(
            "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
                + WebSocket.handshake.map { "\($0)\r\n" }.joined() + "\r\n"
        )
        let answer = try client.response(within: 30)
        try #require(answer.status == 101, "\(answer)")
        socket = WebSocketEnd(client.reader, isClient: true)
        socket.reader.patience = 60
    }

    /// Calls a method, of the page that a session is attached to if there is one. Between two pages, waits for the next.
    @discardableResult
    func call(_ method: String, _ parameters: JSONValue = [:], session: String? = nil) throws -> JSONValue {
        var answer = try ask(method, parameters, session)
        let isThere = eventually(within: 30) {
            guard let fault = answer["error"]?["message"]?.text, Self.betweenPages.contains(fault) else { return true }
            answer = (try? ask(method, parameters, session)) ?? answer
            return false
        }
        if !isThere || answer["error"] != nil {
            throw GatewayFailure(text: "\(method): \(answer["error"]?.description ?? "")")
        }
        return answer["result"] ?? .null
    }

    /// What Chromium answers when it has left a page and is not on the next yet. Nothing was done then.
    private static let betweenPages = ["Not attached to an active page", "Cannot find default execution context"]

    private func ask(_ method: String, _ parameters: JSONValue, _ session: String?) throws -> JSONValue {
        number += 1
        var message: JSONValue = ["id": .number(Double(number)), "method": .string(method), "params": parameters]
        if let session { message["sessionId"] = .string(session) }
        socket.send(WebSocketFrame(opcode: 1, payload: message.serialized()))
        while true {
            let answer = try receive()
            guard answer["id"]?.number == Double(number) else {
                if let event = answer["method"]?.text { onEvent(event, answer["params"] ?? .null) }
                continue
            }
            return answer
        }
    }

    /// The value of a script's expression, which may be a promise.
    func evaluate(_ script: String, session: String? = nil) throws -> JSONValue {
        let result = try call(
            "Runtime.evaluate",
            ["expression": .string(script), "returnByValue": true, "awaitPromise": true, "userGesture": true],
            session: session
        )
        if let fault = result["exceptionDetails"] { throw GatewayFailure(text: "\(script): \(fault.description)") }
        return result["result"]?["value"] ?? .null
    }

    func close() { socket.socket.close() }

    private func receive() throws -> JSONValue {
        var (payload, isFinal): ([UInt8], Bool) = ([], false)
        while !isFinal {
            let frame = try #require(try socket.receive(), "Chromium has ended the connection")
            guard frame.opcode < 8 else { continue }
            payload += frame.payload
            isFinal = frame.isFinal
        }
        var limits = JSONLimits(size: 64 << 20)
        (limits.depth, limits.members) = (64, 1 << 16)
        do throws(JSONFault) {
            return try JSONValue(parsing: payload.span, limits: limits)
        } catch {
            throw GatewayFailure(text: "no JSON (\(error)): \(String(decoding: payload.prefix(300), as: UTF8.self))")
        }
    }
}
