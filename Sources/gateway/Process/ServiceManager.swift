import Basics
import Glibc
import Transport

/// The service manager that has started the process: systemd, or what speaks its protocols.
///
/// It passes listening sockets ([sd_listen_fds(3)](https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html))
/// and is told the state of the service
/// ([sd_notify(3)](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html)).
struct ServiceManager: Sendable {
    /// The descriptors of the sockets that were passed, by name.
    let sockets: [ExactText: [Int32]]
    /// How often to say that all is well; `nil` if nobody waits for it.
    let watchdogInterval: Duration?
    /// Where to send the state: a path, or after an `@` a name without a file.
    private let notifySocket: String?

    /// The first descriptor that is passed.
    private static let firstSocket: Int32 = 3
    /// More sockets than this cannot be meant.
    private static let maxSockets: Int32 = 1024

    /// - Parameters:
    ///   - process: this process. What is in the environment may be meant for a parent.
    ///   - environment: the value of a variable.
    init(process: pid_t = getpid(), environment: (String) -> String? = SystemFile.environment) {
        notifySocket = environment("NOTIFY_SOCKET").flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isWatched = environment("WATCHDOG_PID").map { pid_t($0) == process } ?? true
        // Twice within the time, as the manual advises.
        watchdogInterval = environment("WATCHDOG_USEC").flatMap { Int64($0) }
            .flatMap { isWatched && $0 > 0 ? Duration.microseconds($0 / 2) : nil }
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
        /// All is well.
        case watchdog
    }

    func tell(_ state: State) {
        switch state {
        case .ready: send("READY=1\nSTATUS=serving")
        case .reloading:
            send("RELOADING=1\nMONOTONIC_USEC=\(MonotonicClock.now() * 1000)")
        case .stopping(let status): send("STOPPING=1\nSTATUS=\(status)")
        case .watchdog: send("WATCHDOG=1")
        }
    }

    /// Sends a message, unless nobody listens.
    private func send(_ text: String) {
        if let notifySocket { ServiceNotice.send(text, to: notifySocket) }
    }
}
