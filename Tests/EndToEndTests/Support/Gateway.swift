import Foundation
import Synchronization
import Testing

/// The built program, running with its own configuration.
final class Gateway: Sendable {
    let port: UInt16
    let adminPort: UInt16
    let directory: TemporaryDirectory
    private let launch: [String]
    private let child: Mutex<Child>

    /// Starts it and waits until it serves.
    init(_ configuration: GatewayConfiguration) throws {
        let ports = try Listener.freePorts(2)
        port = ports[0]
        adminPort = ports[1]
        directory = try TemporaryDirectory()
        try Self.writeSecrets(to: directory)
        try directory.write(
            "gateway.conf",
            configuration.text(port: port, adminPort: adminPort, directory: directory.path)
        )
        launch = configuration.launch
        child = Mutex(try Self.start(directory, launch))
        try waitUntilServing()
    }

    /// The files of secrets that configurations name.
    static func writeSecrets(to directory: TemporaryDirectory) throws {
        try directory.write("acme.secret", Minter.acme.secret)
        try directory.write("globex.secret", Minter.globex.secret)
        for company in ["acme", "globex"] { try directory.write("\(company).client", Backend.secret(of: company)) }
    }

    private static func start(
        _ directory: TemporaryDirectory,
        _ launch: [String],
        _ options: [String] = []
    ) throws -> Child {
        let command = launch + [program, "run"] + options + [directory["gateway.conf"]]
        return try Child(
            command[0],
            Array(command.dropFirst()),
            output: directory["output.log"],
            errors: directory["errors.log"]
        )
    }

    var pid: pid_t { child.withLock { $0.pid } }
    var isRunning: Bool { child.withLock { $0.exitStatus == nil } }
    /// All its output, including the access log.
    var log: String { Child.text(of: directory["output.log"]) + Child.text(of: directory["errors.log"]) }

    func send(_ signal: Int32) { child.withLock { $0.send(signal) } }
    func wait(within seconds: Double = 10) -> Int32? { child.withLock { $0.wait(within: seconds) } }

    /// Kills it and starts it again, with the same files.
    func restart() throws {
        end()
        try startAgain()
    }

    /// Kills it.
    func end() {
        send(SIGKILL)
        _ = wait()
    }

    /// Starts it once it has ended, with the same files.
    func startAgain() throws {
        try child.withLock { $0 = try Self.start(directory, launch) }
        try waitUntilServing()
    }

    /// Starts another process that takes its place, and waits until that serves.
    ///
    /// - Returns: the former process, which drains.
    func takeOver() throws -> Child {
        let next = try startSuccessor()
        let hasTakenOver = eventually {
            next.exitStatus != nil || log.contains("process \(pid) was replaced by process \(next.pid)")
        }
        guard hasTakenOver, next.exitStatus == nil else {
            throw GatewayFailure(text: "no process took over:\n\(log)")
        }
        return child.withLock { child in
            defer { child = next }
            return child
        }
    }

    /// Starts a process that takes its place if it can.
    func startSuccessor() throws -> Child { try Self.start(directory, launch, ["--take-over"]) }

    /// Changes its limit on descriptors while it runs. Open ones stay.
    func allowDescriptors(_ count: Int) throws { try limit("nofile", to: "\(count)") }

    /// Changes a limit while it runs.
    ///
    /// - Parameter name: as an option of prlimit(1).
    func limit(_ name: String, to value: String) throws {
        let finished = try run("/usr/bin/prlimit", ["--pid", "\(pid)", "--\(name)=\(value):"])
        guard finished.status == 0 else { throw GatewayFailure(text: "prlimit: \(finished.errors)") }
    }

    #if os(Linux)
        /// The processor time that it has used, in seconds.
        func processorTime() throws -> Double {
            let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            let words = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
            guard words.count > 13, let user = Double(words[12]), let system = Double(words[13]) else {
                throw GatewayFailure(text: "/proc/\(pid)/stat: \(stat)")
            }
            return (user + system) / 100
        }
    #endif

    /// Writes another configuration into the same file.
    func rewrite(_ configuration: GatewayConfiguration) throws {
        try directory.write(
            "gateway.conf",
            configuration.text(port: port, adminPort: adminPort, directory: directory.path)
        )
    }

    private func waitUntilServing() throws {
        let isServing = eventually(within: 15) {
            !isRunning || (try? fetch(port, "/.gateway/healthz").status) == 200
        }
        guard isServing, isRunning else {
            throw GatewayFailure(text: "the gateway does not serve:\n\(log)")
        }
    }

    /// Makes it read its file again, which must be valid, and waits until every event loop uses it.
    func reload() {
        func reloads() -> Int { log.components(separatedBy: "configuration reloaded").count }
        let before = reloads()
        send(SIGHUP)
        #expect(eventually { reloads() > before })
    }

    /// The path of the program: `GATEWAY_BINARY`, or beside the tests.
    static let program: String = {
        if let path = ProcessInfo.processInfo.environment["GATEWAY_BINARY"] { return path }
        let files = FileManager.default
        var places = CommandLine.arguments.prefix(1).map { URL(fileURLWithPath: $0).deletingLastPathComponent().path }
        places.append(Bundle.main.bundleURL.path)
        places.append(Bundle.main.bundleURL.deletingLastPathComponent().path)
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path
        places += ["\(package)/.build/release", "\(package)/.build/debug"]
        for place in places where files.isExecutableFile(atPath: "\(place)/gateway") { return "\(place)/gateway" }
        fatalError("no gateway program in \(places); build it, or name it in GATEWAY_BINARY")
    }()
}

/// The gateway did not do what every test needs.
struct GatewayFailure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// A gateway and its upstream.
final class Site: Sendable {
    let upstream: RecordingUpstream
    let gateway: Gateway
    var port: UInt16 { gateway.port }

    init(
        _ adjust: (inout GatewayConfiguration) throws -> Void = { _ in },
        standard: @escaping RecordingUpstream.Script = { try $0.echo() }
    ) throws {
        upstream = try RecordingUpstream(standard: standard)
        var configuration = GatewayConfiguration(upstream: upstream.port)
        try adjust(&configuration)
        gateway = try Gateway(configuration)
    }

    func configuration(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) -> GatewayConfiguration {
        var configuration = GatewayConfiguration(upstream: upstream.port)
        adjust(&configuration)
        return configuration
    }

    /// Makes the gateway load another configuration, with the control API, and waits until it has.
    func reloadWithControl(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws {
        try gateway.rewrite(
            configuration {
                $0.control = ""
                adjust(&$0)
            }
        )
        gateway.reload()
    }
}
