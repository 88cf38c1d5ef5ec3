import Basics
import Foundation
import Testing

/// A real Chromium without a window, driven over its DevTools protocol.
///
/// Every wait is for what the page shows, so that nothing depends on time.
final class Chromium {
    static let program = "/usr/bin/chromium"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    private let child: Child
    private let directory: TemporaryDirectory
    private let socket: WebSocketEnd
    private var number = 0
    /// What the page's console has said, and exceptions: a policy that was violated is among them.
    private(set) var complaints: [String] = []

    /// Opens an empty page.
    ///
    /// - Parameters:
    ///   - width: of the page in CSS pixels. Narrow ones are those of a telephone.
    ///   - isDark: whether the browser prefers dark colours.
    init(width: Int = 1280, height: Int = 900, isDark: Bool = false) throws {
        directory = try TemporaryDirectory()
        let profile = directory["profile"]
        child = try Child(
            Self.program,
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--ignore-certificate-errors", "--remote-debugging-port=0", "--user-data-dir=\(profile)", "about:blank",
            ],
            output: directory["output"],
            errors: directory["errors"]
        )
        // The browser writes which port the kernel gave it.
        var port: UInt16?
        _ = eventually(within: 60) {
            port = Child.text(of: "\(profile)/DevToolsActivePort").split(separator: "\n").first.flatMap { UInt16($0) }
            return port != nil
        }
        let open = try #require(port, "\(Child.text(of: directory["errors"]).suffix(2000))")
        let fields = ["Host: 127.0.0.1:\(open)", "Connection: close"]
        var page: String?
        _ = eventually(within: 30) {
            let list = try? Client(port: open).plain("/json/list", fields).json().list
            page = list?.first { $0["type"]?.text == "page" }?["webSocketDebuggerUrl"]?.text
            return page != nil
        }
        let path = try #require(page.flatMap { URL(string: $0)?.path })
        let client = try Client(port: open)
        let answer = try client.plain(path, ["Host: 127.0.0.1:\(open)"] + WebSocket.handshake)
        try #require(answer.status == 101, "\(answer)")
        socket = WebSocketEnd(client.reader, isClient: true)
        socket.reader.patience = 60
        for domain in ["Page", "Runtime", "Log", "Network"] { try call("\(domain).enable") }
        try call(
            "Emulation.setDeviceMetricsOverride",
            [
                "width": .number(Double(width)), "height": .number(Double(height)), "deviceScaleFactor": 1,
                "mobile": .bool(width < 600),
            ]
        )
        try call("Emulation.setFocusEmulationEnabled", ["enabled": true])
        let scheme: JSONValue = ["name": "prefers-color-scheme", "value": .string(isDark ? "dark" : "light")]
        try call("Emulation.setEmulatedMedia", ["features": .array([scheme])])
    }

    deinit {
        child.send(SIGTERM)
        _ = child.wait(within: 10)
    }

    /// Calls a method of the protocol.
    @discardableResult
    func call(_ method: String, _ parameters: JSONValue = [:]) throws -> JSONValue {
        number += 1
        let message: JSONValue = ["id": .number(Double(number)), "method": .string(method), "params": parameters]
        socket.send(WebSocketFrame(opcode: 1, payload: message.serialized()))
        while true {
            let answer = try receive()
            guard answer["id"]?.number == Double(number) else {
                note(answer)
                continue
            }
            if let fault = answer["error"] { throw GatewayFailure(text: "\(method): \(fault.description)") }
            return answer["result"] ?? .null
        }
    }

    private func receive() throws -> JSONValue {
        var (payload, isFinal): ([UInt8], Bool) = ([], false)
        while !isFinal {
            let frame = try #require(try socket.receive(), "\(Child.text(of: directory["errors"]).suffix(2000))")
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

    private func note(_ event: JSONValue) {
        switch event["method"]?.text {
        case "Log.entryAdded": complaints.append(event["params"]?["entry"]?["text"]?.text ?? "")
        case "Runtime.exceptionThrown": complaints.append(event["params"]?["exceptionDetails"]?.description ?? "")
        default: break
        }
    }

    /// Opens an address, and waits until it is loaded.
    func open(_ url: String) throws {
        try call("Page.navigate", ["url": .string(url)])
        try wait("document.readyState === 'complete' && location.href !== 'about:blank'")
    }

    /// The value of a script's expression, which may be a promise.
    func evaluate(_ script: String) throws -> JSONValue {
        let result = try call(
            "Runtime.evaluate",
            ["expression": .string(script), "returnByValue": true, "awaitPromise": true, "userGesture": true]
        )
        if let fault = result["exceptionDetails"] { throw GatewayFailure(text: "\(script): \(fault.description)") }
        return result["result"]?["value"] ?? .null
    }

    /// The text that the page shows.
    func text(of selector: String = "body") throws -> String {
        try evaluate("document.querySelector(\(quoted(selector)))?.innerText ?? ''").text ?? ""
    }

    /// Waits until an expression is true. Pages may be left meanwhile.
    func wait(_ condition: String, within seconds: Double = 30) throws {
        let isSo = eventually(within: seconds) { (try? evaluate("!!(\(condition))")) == .bool(true) }
        guard isSo else {
            throw GatewayFailure(text: "never: \(condition)\n\((try? text()) ?? "")\n\(complaints)")
        }
    }

    /// Waits until the page shows a text.
    func wait(forText text: String, within seconds: Double = 30) throws {
        try wait("document.body && document.body.innerText.includes(\(quoted(text)))", within: seconds)
    }

    /// Fills a field in.
    func fill(_ selector: String, _ text: String) throws {
        try wait("document.querySelector(\(quoted(selector)))")
        _ = try evaluate(
            """
            (() => { const field = document.querySelector(\(quoted(selector))); field.value = \(quoted(text));
            field.dispatchEvent(new Event("input", { bubbles: true })); })()
            """
        )
    }

    /// Clicks what a selector finds with the mouse, as a person does: it must be visible and not covered.
    func click(_ selector: String) throws {
        try wait("document.querySelector(\(quoted(selector)))")
        let place = try evaluate(
            """
            (() => { const found = document.querySelector(\(quoted(selector))); found.scrollIntoView({ block: "center" });
            const { x, y, width, height } = found.getBoundingClientRect();
            const [left, top] = [x + width / 2, y + height / 2];
            return { left, top, isFree: found.contains(document.elementFromPoint(left, top)) }; })()
            """
        )
        try #require(place["isFree"] == true, "\(selector) is covered")
        for type in ["mousePressed", "mouseReleased"] {
            try call(
                "Input.dispatchMouseEvent",
                [
                    "type": .string(type), "x": place["left"] ?? 0, "y": place["top"] ?? 0, "button": "left",
                    "clickCount": 1,
                ]
            )
        }
    }

    /// Presses a key such as `Tab` or `Enter`.
    func press(_ key: String) throws {
        let codes: [String: (Double, String)] = ["Tab": (9, ""), "Enter": (13, "\r")]
        let (code, text) = codes[key] ?? (0, "")
        for type in ["keyDown", "keyUp"] {
            var event: JSONValue = [
                "type": .string(type), "key": .string(key), "code": .string(key),
                "windowsVirtualKeyCode": .number(code),
            ]
            if type == "keyDown", !text.isEmpty { event["text"] = .string(text) }
            try call("Input.dispatchKeyEvent", event)
        }
    }

    /// Keeps a picture of the whole page in `.build/screenshots`.
    func screenshot(_ name: String) throws {
        let result = try call("Page.captureScreenshot", ["format": "png", "captureBeyondViewport": true])
        let data = try #require(result["data"]?.text.flatMap { Data(base64Encoded: $0) })
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try data.write(to: folder.appendingPathComponent("\(name).png"))
    }

    /// A text as a literal of JavaScript.
    private func quoted(_ text: String) -> String { JSONValue.string(text).description }
}

extension Client {
    /// A request with its own `Host`.
    fileprivate func plain(_ target: String, _ fields: [String]) throws -> Response {
        send("GET \(target) HTTP/1.1\r\n" + fields.map { "\($0)\r\n" }.joined() + "\r\n")
        return try response(within: 30)
    }
}
