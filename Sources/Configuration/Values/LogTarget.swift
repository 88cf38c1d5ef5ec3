import Basics

/// Where the lines of a log go.
package enum LogTarget: Sendable, Equatable {
    case standardOutput, standardError
    /// A file, which lines are appended to.
    case file(String)
    /// The datagram socket of a syslog server on this machine.
    case syslog(String)

    /// Reads `stdout`, `stderr`, the path of a file, or `syslog:` with the path of a socket.
    package init(parsing text: String) throws(ValueFault) {
        if text.hasPrefix("syslog:") {
            let path = String(text.dropFirst(7))
            guard path.hasPrefix("/") else {
                throw ValueFault("\(quoted(text)): the path after syslog: must begin with /, as in syslog:/dev/log")
            }
            guard path.utf8.count <= SocketAddress.maxPath else {
                throw ValueFault("\(quoted(text)): a socket path has at most \(SocketAddress.maxPath) bytes")
            }
            self = .syslog(path)
        } else if text.hasPrefix("/") {
            guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                throw ValueFault("\(quoted(text)) holds a control character")
            }
            self = .file(text)
        } else {
            switch text {
            case "stdout": self = .standardOutput
            case "stderr": self = .standardError
            default:
                let near = NearestName.find(text, among: ["stdout", "stderr"])
                let hint = near.map { "; did you mean \(quoted($0))?" } ?? ""
                throw ValueFault(
                    "\(quoted(text)) is not \"stdout\", \"stderr\", the full path of a file, nor \"syslog:/dev/log\"\(hint)"
                )
            }
        }
    }

    /// The target in the form of the configuration.
    package var text: String {
        switch self {
        case .standardOutput: "stdout"
        case .standardError: "stderr"
        case .file(let path): path
        case .syslog(let path): "syslog:\(path)"
        }
    }
}

/// What kind of program a message comes from, for syslog servers to sort by
/// ([RFC 3164 section 4.1.1](https://www.rfc-editor.org/rfc/rfc3164#section-4.1.1)).
package enum SyslogFacility: String, Sendable, CaseIterable {
    case user, daemon, local0, local1, local2, local3, local4, local5, local6, local7

    package var code: Int {
        switch self {
        case .user: 1
        case .daemon: 3
        case .local0: 16
        case .local1: 17
        case .local2: 18
        case .local3: 19
        case .local4: 20
        case .local5: 21
        case .local6: 22
        case .local7: 23
        }
    }
}
