import Basics
import Foundation

/// A real browser from Debian's packages.
final class FrameBrowser {
    enum Engine: CaseIterable, Sendable {
        case chromium
        case firefox
        /// With tracking prevention and without third-party cookies, as on iPhones.
        case webkit
    }

    /// Which cookies Chromium keeps.
    enum Cookies: Sendable {
        case all
        /// None in frames on other sites, except partitioned ones.
        case firstParties
        case none
    }

    private static let firefox = "/usr/bin/firefox-esr"
    private static let webDriver = "/usr/bin/WebKitWebDriver"
    private static let xvfb = "/usr/bin/Xvfb"
    /// The browser that the driver starts. It is not in the path.
    private static let miniBrowser = ["x86_64", "aarch64"]
        .map { "/usr/lib/\($0)-linux-gnu/webkit2gtk-4.1/MiniBrowser" }.first(where: isThere)

    private static func isThere(_ program: String) -> Bool { FileManager.default.isExecutableFile(atPath: program) }

    static func isInstalled(_ engine: Engine) -> Bool {
        switch engine {
        case .chromium: ChromiumProcess.isInstalled
        case .firefox: isThere(firefox)
        case .webkit: isThere(webDriver) && isThere(xvfb) && miniBrowser != nil
        }
    }

    private let engine: Engine
    private let profile: TemporaryDirectory
    private var chromium: ChromiumProcess?
    private var children: [Child] = []
    /// The port of the driver, and the path of its session.
    private var driver: (port: UInt16, session: String)?

    init(_ engine: Engine) throws {
        self.engine = engine
        profile = try TemporaryDirectory()
        switch engine {
        case .chromium: break
        case .firefox: try profile.write("user.js", Self.firefoxPreferences)
        case .webkit: try startDriver()
        }
    }

    /// What the programs wrote.
    var errors: String { Child.text(of: profile["errors"]) }

    /// Sets which cookies Chromium keeps, before its first start.
    func allow(_ cookies: Cookies) throws {
        let folder = profile["Default"]
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let isBlocking = cookies != .all
        var settings: JSONValue = [
            "cookie_controls_mode": isBlocking ? 1 : 0, "block_third_party_cookies": .bool(isBlocking),
        ]
        if cookies == .none { settings["default_content_setting_values"] = ["cookies": 2] }
        try profile.write("Default/Preferences", JSONValue.object([JSONMember("profile", settings)]).description)
    }

    /// Evaluates a script in Chromium's frame of an origin; `nil` if there is none yet.
    func read(_ script: String, inFrameOf origin: String) throws -> String? {
        guard let (port, _) = chromium?.address,
            case .array(let targets) = try command(port, "GET", "/json/list"),
            let frame = targets.first(where: { $0["url"]?.text?.hasPrefix(origin + "/") == true }),
            let id = frame["id"]?.text
        else { return nil }
        // The page may be about to go, or not there yet.
        return (try? DevTools(port: port, path: "/devtools/page/\(id)").evaluate(script))?.text
    }

    /// Shows a page: after a restart that keeps the profile, or in WebKit, whose profile lasts as long as the program, by
    /// loading it anew.
    func show(_ url: String) throws {
        switch engine {
        case .chromium:
            end()
            chromium = try ChromiumProcess(profile: profile.path, page: url, errors: profile["errors"])
        case .firefox:
            end()
            try start(Self.firefox, ["--headless", "--no-remote", "--profile", profile.path, url])
        case .webkit:
            guard let driver else { return }
            _ = try command(driver.port, "POST", "\(driver.session)/url", ["url": .string(url)])
        }
    }

    func end() {
        if let driver { _ = try? command(driver.port, "DELETE", driver.session) }
        driver = nil
        for child in children.reversed() {
            child.send(SIGTERM)
            if child.wait(within: 1) == nil { child.send(SIGKILL) }
        }
        children = []
        chromium?.end()
        chromium = nil
    }

    deinit { end() }

    private func start(_ program: String, _ arguments: [String]) throws {
        children.append(try Child(program, arguments, output: profile["output"], errors: profile["errors"]))
    }

    /// No first-run pages, and no requests to anyone but the page.
    private static let firefoxPreferences = """
        user_pref("app.normandy.enabled", false);
        user_pref("browser.aboutwelcome.enabled", false);
        user_pref("browser.sessionstore.resume_from_crash", false);
        user_pref("browser.shell.checkDefaultBrowser", false);
        user_pref("datareporting.policy.dataSubmissionEnabled", false);
        user_pref("network.captive-portal-service.enabled", false);
        user_pref("network.connectivity-service.enabled", false);
        user_pref("toolkit.startup.max_resumed_crashes", -1);

        """

    // MARK: WebKit, through its driver

    private func startDriver() throws {
        try start(Self.xvfb, ["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"])
        func display() -> String { Child.text(of: profile["output"]).filter(\.isNumber) }
        guard eventually(within: 20, { !display().isEmpty }), let miniBrowser = Self.miniBrowser else {
            throw GatewayFailure(text: "Xvfb does not start: \(errors)")
        }
        let port = try Listener.freePorts(1)[0]
        let environment = [
            "DISPLAY=:\(display())", "GDK_BACKEND=x11", "LIBGL_ALWAYS_SOFTWARE=1", "NO_AT_BRIDGE=1",
            "WEBKIT_DISABLE_COMPOSITING_MODE=1", "WEBKIT_DISABLE_DMABUF_RENDERER=1",
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1", "XDG_CACHE_HOME=\(profile.path)",
            "XDG_CONFIG_HOME=\(profile.path)", "XDG_DATA_HOME=\(profile.path)",
        ]
        try start("/usr/bin/env", environment + [Self.webDriver, "--port=\(port)"])
        let isUp = eventually(within: 20) { (try? command(port, "GET", "/status")) != nil }
        guard isUp else { throw GatewayFailure(text: "the driver does not start: \(errors)") }
        let options: JSONValue = [
            "binary": .string(miniBrowser),
            "args": ["--automation", "--enable-itp", "--ignore-tls-errors", "--cookies-policy=no-third-party"],
        ]
        let answer = try command(
            port,
            "POST",
            "/session",
            ["capabilities": ["alwaysMatch": ["webkitgtk:browserOptions": options]]]
        )
        guard let id = answer["value"]?["sessionId"]?.text else {
            throw GatewayFailure(text: "no session: \(answer.description) \(errors)")
        }
        driver = (port, "/session/\(id)")
    }

    private func command(_ port: UInt16, _ method: String, _ path: String, _ body: JSONValue? = nil) throws -> JSONValue
    {
        try Client(port: port).exchange(
            path,
            method: method,
            ["Content-Type: application/json", "Connection: close"],
            body: body.map { $0.serialized() } ?? [],
            within: 60
        )
        .json()
    }
}
