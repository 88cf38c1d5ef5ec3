import Foundation
import Synchronization
import Testing

/// A Chromium without a window, from Debian's package.
final class ChromiumProcess: Sendable {
    private static let program = "/usr/bin/chromium"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    private let child: Child
    /// The profile's, unless it outlives the program.
    private let ownFolder: TemporaryDirectory?
    private let profile: String
    private let errors: String

    /// - Parameters:
    ///   - profile: the folder of a profile that outlives the program; `nil` for one that is new and goes with it.
    ///   - options: more of the command line.
    ///   - page: what it shows at first.
    ///   - errors: the file to which it appends what it complains of; `nil` for one of its own.
    init(
        profile: String? = nil,
        options: [String] = [],
        page: String = "about:blank",
        errors: String? = nil
    ) throws {
        ownFolder = profile == nil ? try TemporaryDirectory() : nil
        self.profile = profile ?? ownFolder?.path ?? ""
        self.errors = errors ?? "\(self.profile)/errors"
        // Of a program that was killed before.
        try? FileManager.default.removeItem(atPath: "\(self.profile)/DevToolsActivePort")
        child = try Child(
            Self.program,
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--ignore-certificate-errors", "--remote-debugging-port=0", "--user-data-dir=\(self.profile)",
            ] + options + [page],
            output: "/dev/null",
            errors: self.errors
        )
    }

    deinit { end() }

    private static let running = Mutex<ChromiumProcess?>(nil)

    /// The one for all tests that need no profile and no options of their own. It ends with the test process.
    static func shared() throws -> ChromiumProcess {
        try running.withLock { running in
            if let running, running.child.exitStatus == nil { return running }
            let process = try ChromiumProcess()
            running = process
            return process
        }
    }

    /// The port of its protocol, and the path that leads to the whole browser; `nil` if they are not known yet.
    var address: (port: UInt16, path: String)? {
        // The browser writes which port the kernel gave it.
        let lines = Child.text(of: "\(profile)/DevToolsActivePort").split(separator: "\n")
        guard lines.count > 1, let port = UInt16(lines[0]) else { return nil }
        return (port, String(lines[1]))
    }

    /// Speaks to the whole browser.
    func connect() throws -> DevTools {
        _ = eventually(within: 60) { address != nil || child.exitStatus != nil }
        let (port, path) = try #require(address, "Chromium does not start: \(Child.text(of: errors).suffix(2000))")
        return try DevTools(port: port, path: path)
    }

    /// Waits for it to write its profile.
    func end() {
        child.send(SIGTERM)
        if child.wait(within: 20) == nil { child.send(SIGKILL) }
    }
}
