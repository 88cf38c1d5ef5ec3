import Basics
import Foundation
import Testing

/// A page of a real Chromium without a window.
///
/// It has its own cookies and storage, although most pages share one program. Every wait is for what the page shows, so
/// that nothing depends on time.
final class Chromium {
    static var isInstalled: Bool { ChromiumProcess.isInstalled }

    /// Not only its connection: a program of its own ends with it.
    private let process: ChromiumProcess
    private let browser: DevTools
    /// The browser's name for the connection to the page.
    private let session: String
    /// What the page's console has said, and exceptions: a policy that was violated is among them.
    private(set) var complaints: [String] = []

    /// Opens an empty page.
    ///
    /// - Parameters:
    ///   - width: of the page in CSS pixels. Narrow ones are those of a telephone.
    ///   - isDark: whether the browser prefers dark colours.
    ///   - language: the one that the browser asks for; `nil` for its own.
    ///   - options: of the command line, for a program of its own.
    init(
        width: Int = 1280,
        height: Int = 900,
        isDark: Bool = false,
        language: String? = nil,
        options: [String] = []
    ) throws {
        process = options.isEmpty ? try .shared() : try ChromiumProcess(options: options)
        browser = try process.connect()
        // What the page stores goes with the connection.
        let context = try browser.call("Target.createBrowserContext", ["disposeOnDetach": true])
        let page = try browser.call(
            "Target.createTarget",
            ["url": "about:blank", "browserContextId": context["browserContextId"] ?? .null]
        )
        let attached = try browser.call(
            "Target.attachToTarget",
            ["targetId": page["targetId"] ?? .null, "flatten": true]
        )
        session = try #require(attached["sessionId"]?.text)
        browser.onEvent = { [unowned self] in note($0, $1) }
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
        if let language {
            let name = try browser.call("Browser.getVersion")["userAgent"] ?? .null
            try call("Emulation.setUserAgentOverride", ["userAgent": name, "acceptLanguage": .string(language)])
        }
    }

    deinit { close() }

    /// Ends the page.
    func close() { browser.close() }

    /// Calls a method of the page's protocol.
    @discardableResult
    func call(_ method: String, _ parameters: JSONValue = [:]) throws -> JSONValue {
        try browser.call(method, parameters, session: session)
    }

    private func note(_ event: String, _ parameters: JSONValue) {
        switch event {
        case "Log.entryAdded": complaints.append(parameters["entry"]?["text"]?.text ?? "")
        case "Runtime.exceptionThrown": complaints.append(parameters["exceptionDetails"]?.description ?? "")
        default: break
        }
    }

    /// Begins to open an address.
    func navigate(to url: String) throws { try call("Page.navigate", ["url": .string(url)]) }

    /// Opens an address, and waits until it is loaded.
    func open(_ url: String) throws {
        try navigate(to: url)
        try wait("document.readyState === 'complete' && location.href !== 'about:blank'")
    }

    /// The value of a script's expression, which may be a promise.
    func evaluate(_ script: String) throws -> JSONValue { try browser.evaluate(script, session: session) }

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
