import Basics
import Glibc
import Synchronization
import Transport

/// The service manager that has started the process: systemd, or what speaks its protocols.
///
/// It passes listening sockets ([sd_listen_fds(3)](https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html))
/// and is told the state of the service
/// ([sd_notify(3)](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html)).
final class ServiceManager: Sendable {
    /// The descriptors of the sockets that were passed, by name.
    let sockets: [ExactText: [Int32]]
    private let present: Mutex<Service?>

    /// How a manager is talked to about this process.
    struct Service: Sendable, Equatable {
        /// Where to send the state: a path, or after an `@` a name without a file.
        let socket: String
        /// How often it wants to hear that all is well, in microseconds; 0 if it does not wait for that.
        let watchdogTime: Int64
    }

    /// `nil` if nobody listens.
    var service: Service? { present.withLock { $0 } }

    /// How often to say that all is well; `nil` if nobody waits for it.
    var watchdogInterval: Duration? {
        // Twice within the time, as the manual advises.
        service.flatMap { $0.watchdogTime > 0 ? Duration.microseconds($0.watchdogTime / 2) : nil }
    }

    /// The first descriptor that is passed.
    private static let firstSocket: Int32 = 3
    /// More sockets than this cannot be meant.
    private static let maxSockets: Int32 = 1024

    /// - Parameters:
    ///   - process: this process. What is in the environment may be meant for a parent.
    ///   - environment: the value of a variable.
    init(process: pid_t = getpid(), environment: (String) -> String? = SystemFile.environment) {
        let isWatched = environment("WATCHDOG_PID").map { pid_t($0) == process } ?? true
        let time = environment("WATCHDOG_USEC").flatMap { Int64($0) } ?? 0
        present = Mutex(
            environment("NOTIFY_SOCKET").flatMap { Service(at: $0, watchdogTime: isWatched ? time : 0) }
        )
        var sockets: [ExactText: [Int32]] = [:]
        if environment("LISTEN_PID").flatMap({ pid_t($0) }) == process,
            let count = environment("LISTEN_FDS").flatMap({ Int32($0) }), (1...Self.maxSockets).contains(count)
        {
            let names =
                environment("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
                ?? []
            for index in 0..<count {
                // The name that systemd itself gives to a socket without one.
                let name = Int(index) < names.count ? names[Int(index)] : "unknown"
                sockets[ExactText(name), default: []].append(Self.firstSocket + index)
            }
        }
        self.sockets = sockets
    }

    /// A state that the service manager should know.
    enum State {
        case ready
        case reloading
        case stopping(String)
        /// Another process goes on with the service.
        case replaced(by: pid_t)
        /// All is well.
        case watchdog
    }

    func tell(_ state: State) {
        switch state {
        case .ready: send("READY=1\nSTATUS=serving")
        case .reloading:
            send("RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds)")
        // The other process gets the whole time of the watchdog until it has to say something.
        case .replaced(let process): send("MAINPID=\(process)\nWATCHDOG=1")
        case .stopping(let status): send("STOPPING=1\nSTATUS=\(status)")
        case .watchdog: send("WATCHDOG=1")
        }
    }

    /// Talks to the manager of the process whose place this one takes, if there is one.
    func join(_ service: Service?) {
        if let service { present.withLock { $0 = service } }
    }

    /// The time by which systemd tells whether a reload began before or after it was asked for.
    private static var monotonicMicroseconds: Int64 { MonotonicClock.nanoseconds() / 1000 }

    /// Sends a message, unless nobody listens.
    private func send(_ text: String) {
        if let service { ServiceNotice.send(text, to: service.socket) }
    }
}

extension ServiceManager.Service {
    /// Returns `nil` if no manager listens there.
    fileprivate init?(at socket: String, watchdogTime: Int64) {
        guard socket.hasPrefix("/") || socket.hasPrefix("@") else { return nil }
        self.init(socket: socket, watchdogTime: max(watchdogTime, 0))
    }

    /// Reads what ``value`` has written; `nil` for anything else.
    init?(_ value: JSONValue) {
        guard case .object(let members) = value, case .string(let socket)? = members["socket"],
            let time = members["watchdogTime"]?.number,
            let time = Int64(exactly: time)
        else { return nil }
        self.init(at: socket, watchdogTime: time)
    }

    var value: JSONValue {
        .object([
            JSONMember("socket", .string(socket)), JSONMember("watchdogTime", .number(Double(watchdogTime))),
        ])
    }
}
