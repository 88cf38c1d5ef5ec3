import Basics
import CLinux
import Transport

/// A datagram socket to a syslog server on this machine.
struct SyslogSocket: Sendable {
    let descriptor: Int32
    private let path: String

    /// Opens it and connects to the server's socket.
    init(path: String) throws(SystemFault) {
        let result = gateway_datagram_socket()
        guard result >= 0 else { throw SystemFault("socket", Int32(-result)) }
        self.path = path
        descriptor = Int32(result)
        guard let fault = connect() else { return }
        close(descriptor)
        throw SystemFault("connect", fault)
    }

    /// Connects to the socket that is at the path now. Returns an `errno` if that failed.
    func connect() -> Int32? {
        // SAFETY: the address is alive during the call.
        let result = unsafe NetworkAddress.unix(path: path).withSystemAddress {
            unsafe gateway_connect(descriptor, $0, $1)
        }
        return result < 0 ? Int32(-result) : nil
    }

    /// Sends a message without waiting. Returns an `errno` if that failed.
    func send(_ message: [UInt8]) -> Int32? {
        // SAFETY: the bytes are alive during the call, which their count bounds.
        let result = unsafe message.withUnsafeBytes { bytes in
            unsafe gateway_send(descriptor, bytes.baseAddress, bytes.count, 0)
        }
        return result < 0 ? Int32(-result) : nil
    }
}

/// How urgent a message is, with the codes of syslog.
package enum LogSeverity: Int, Sendable {
    case error = 3
    case warning, notice, info, debug
}

/// The beginning of a syslog message, in the form that programs on the same machine use, as glibc's `syslog` does:
/// [RFC 3164](https://www.rfc-editor.org/rfc/rfc3164) without a host name. Every server takes it on its socket, also
/// those that do not know RFC 5424, such as journald.
struct SyslogHeader: Sendable {
    private let facility: Int
    /// From the tag on.
    private let origin: [UInt8]
    /// The second that ``time`` is for.
    private var second: Int64 = -1
    private var time: [UInt8] = []

    init(facility: Int, tag: String, process: Int32) {
        self.facility = facility
        origin = Array(" \(tag)[\(process)]: ".utf8)
    }

    /// Writes the header.
    ///
    /// - Parameter now: seconds since 1970.
    mutating func write(_ severity: LogSeverity, at now: Int64, to message: inout [UInt8]) {
        if now != second { (second, time) = (now, Self.text(of: now)) }
        message.append(UInt8(ascii: "<"))
        message.append(decimal: facility * 8 + severity.rawValue)
        message.append(UInt8(ascii: ">"))
        message += time
        message += origin
    }

    /// The local time, as in `Oct  1 13:55:36`.
    private static func text(of second: Int64) -> [UInt8] {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var seconds = time_t(second)
        var parts = unsafe tm()
        // SAFETY: reads a local and fills another, of which only the numbers are read.
        unsafe _ = localtime_r(&seconds, &parts)
        let (month, day) = unsafe (Int(parts.tm_mon), parts.tm_mday)
        let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec]
        func padded(_ number: Int32, _ filler: String) -> String { (number < 10 ? filler : "") + "\(number)" }
        let time = clock.map { padded($0, "0") }.joined(separator: ":")
        return Array("\(months[month]) \(padded(day, " ")) \(time)".utf8)
    }
}
