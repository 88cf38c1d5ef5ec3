import Basics
package import GatewayConfiguration
import Glibc
import Transport

/// Where a log's lines go, opened. Belongs to the thread that writes them.
package struct LogSink: Sendable {
    enum Way: Sendable {
        /// A stream of lines.
        case stream(Int32)
        /// A syslog server, which gets each line as a message of its own.
        case syslog(SyslogSocket, SyslogHeader)
    }

    var way: Way
    /// Whether the descriptor is closed with the sink.
    private let isOwned: Bool
    /// Whether the last message had to wait in vain, so that the next ones do not wait.
    private var isStalled = false
    private var message: [UInt8] = []

    /// How long a syslog server may take to make room for a message, in milliseconds.
    private static let patience: Int32 = 1000
    /// Whether the last line was written only in part: the disk was full, or an earlier process was killed.
    private var isTorn = false
    /// Whether to look at the end of the file before the next line.
    private var mayBeTorn = true
    /// The group may read a new file, as is usual for logs, whatever the umask: that of a hardened unit is for keys.
    private static let mode: mode_t = 0o640

    /// Writes to a descriptor that stays open.
    package init(descriptor: Int32) {
        way = .stream(descriptor)
        isOwned = false
    }

    private init(owned way: Way) {
        self.way = way
        isOwned = true
    }

    /// Opens a log's target.
    ///
    /// - Parameter key: the key of the configuration that names it.
    package static func open(
        _ target: LogTarget,
        _ settings: LogSettings,
        for key: String
    ) throws(ConfigurationError) -> LogSink {
        do throws(SystemFault) {
            return try open(target, settings)
        } catch {
            throw ConfigurationError(problems: [problem(key, target, error.reason)])
        }
    }

    fileprivate static func problem(_ key: String, _ target: LogTarget, _ reason: String) -> String {
        "\(key): cannot open \(target.text): \(reason)"
    }

    fileprivate static func open(_ target: LogTarget, _ settings: LogSettings) throws(SystemFault) -> LogSink {
        switch target {
        case .standardOutput: return LogSink(descriptor: 1)
        case .standardError: return LogSink(descriptor: 2)
        case .file(let path): return LogSink(owned: .stream(try openFile(path, creates: true)))
        case .syslog(let path):
            let header = SyslogHeader(
                facility: settings.syslogFacility.code,
                tag: settings.syslogTag,
                process: getpid()
            )
            return LogSink(owned: .syslog(try SyslogSocket(path: path), header))
        }
    }

    /// Opens a file for appending.
    ///
    /// Without `O_NONBLOCK`, a named pipe would make us wait for a reader.
    fileprivate static func openFile(_ path: String, creates: Bool) throws(SystemFault) -> Int32 {
        let flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        // SAFETY: here and below, the path is passed as a C string for the call.
        var descriptor = unsafe Glibc.open(path, flags)
        if descriptor < 0, errno == ENOENT, creates {
            descriptor = unsafe Glibc.open(path, flags | O_CREAT | O_EXCL, mode)
            if descriptor >= 0 {
                _ = fchmod(descriptor, mode)
            } else if errno == EEXIST {
                // Somebody else has just made it, or it is a link to a file that is not there yet.
                descriptor = unsafe Glibc.open(path, flags | O_CREAT, mode)
            }
        }
        guard descriptor >= 0 else { throw SystemFault("open", errno) }
        return descriptor
    }

    /// Whether a file ends within a line. `nil` if that cannot be seen, as of a pipe.
    private static func endsWithinLine(_ descriptor: Int32) -> Bool? {
        var status = stat()
        // SAFETY: the call fills a local.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        guard status.st_size > 0 else { return false }
        // Its own descriptor only writes.
        // SAFETY: the path is passed as a C string for the call.
        let reader = unsafe Glibc.open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard reader >= 0 else { return nil }
        defer { closeDescriptor(reader) }
        var last: UInt8 = 0
        // SAFETY: reads one byte into a local.
        guard unsafe pread(reader, &last, 1, status.st_size - 1) == 1 else { return nil }
        return last != .lineFeed
    }

    package func close() {
        guard isOwned else { return }
        switch way {
        case .stream(let descriptor): closeDescriptor(descriptor)
        case .syslog(let socket, _): closeDescriptor(socket.descriptor)
        }
    }

    // MARK: Writing

    /// The result of writing lines.
    struct Outcome {
        /// The number of lines that were not written completely.
        var lost = 0
        /// Why, as an `errno`.
        var fault: CInt?
    }

    /// Writes complete lines. May wait.
    mutating func write(_ lines: [UInt8], _ severity: LogSeverity) -> Outcome {
        switch way {
        case .stream(let descriptor):
            if mayBeTorn {
                mayBeTorn = false
                isTorn = Self.endsWithinLine(descriptor) ?? isTorn
            }
            return write(isTorn ? [.lineFeed] + lines : lines, to: descriptor)
        case .syslog(let socket, var header):
            var (outcome, start) = (Outcome(), 0)
            let now = WallClock.now() / 1000
            for end in lines.indices where lines[end] == .lineFeed {
                message.removeAll(keepingCapacity: true)
                header.write(severity, at: now, to: &message)
                message += lines[start..<end]
                start = end + 1
                guard let fault = send(message, to: socket) else { continue }
                outcome.lost += 1
                outcome.fault = fault
            }
            way = .syslog(socket, header)
            return outcome
        }
    }

    /// Sends a message. Returns an `errno` if that failed.
    private mutating func send(_ message: [UInt8], to socket: SyslogSocket) -> CInt? {
        var fault = socket.send(message)
        if fault == EAGAIN, !isStalled {
            Self.wait(for: socket.descriptor, atMost: Self.patience)
            fault = socket.send(message)
        } else if fault == ECONNREFUSED || fault == ENOTCONN || fault == ECONNRESET {
            // The server has started again, and listens at the same path.
            let missing = socket.connect()
            fault = missing == nil ? socket.send(message) : missing
        }
        isStalled = fault == EAGAIN
        return fault
    }

    /// - Parameter bytes: lines, after a line end if the last line has none.
    private mutating func write(_ bytes: [UInt8], to descriptor: Int32) -> Outcome {
        var start = 0
        while start < bytes.count {
            let rest = bytes.span.extracting(start..<bytes.count)
            // SAFETY: the span keeps the bytes alive for the call and its count bounds it.
            let written = unsafe rest.withUnsafeBytes { unsafe writeBytes(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                start += written
                continue
            }
            let fault = errno
            switch fault {
            case EINTR: continue
            // A pipe is shared with our parent, which may have made it non-blocking.
            case EAGAIN: Self.wait(for: descriptor, atMost: -1)
            default:
                let isBeforeLines = isTorn && start == 0
                let lost = bytes[start...].count { $0 == .lineFeed } - (isBeforeLines ? 1 : 0)
                if start > 0 { isTorn = bytes[start - 1] != .lineFeed }
                // What else writes to the file may have been cut off too.
                mayBeTorn = true
                return Outcome(lost: lost, fault: fault)
            }
        }
        isTorn = false
        return Outcome()
    }

    /// Waits until a descriptor may be written to.
    private static func wait(for descriptor: Int32, atMost time: Int32) {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // SAFETY: reads and writes this one element.
        _ = unsafe poll(&ready, 1, time)
    }
}

/// Finds problems with a configuration's logs without writing to them.
package enum LogTrial {
    /// The problems as lines that begin with a key.
    package static func problems(in settings: LogSettings) -> [String] {
        let targets = [("log.output", settings.output), ("log.access_output", settings.accessOutput)]
        return targets.compactMap { key, target in
            reason(target, settings).map { LogSink.problem(key, target, $0) }
        }
    }

    /// Why a target cannot be opened, in words. Does not create a file.
    private static func reason(_ target: LogTarget, _ settings: LogSettings) -> String? {
        do throws(SystemFault) {
            if case .file(let path) = target {
                close(try LogSink.openFile(path, creates: false))
            } else {
                try LogSink.open(target, settings).close()
            }
            return nil
        } catch {
            guard case .file(let path) = target, error.number == ENOENT else { return error.reason }
            let folder = FilePath.parts(of: path).folder
            var status = stat()
            // SAFETY: here and below, the path is passed as a C string for the call, which fills a local.
            guard unsafe stat(folder, &status) == 0 else { return "its folder does not exist" }
            return unsafe access(folder, W_OK | X_OK) == 0 ? nil : "its folder cannot be written to"
        }
    }
}

// System calls under names that the sink's methods do not hide.

private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }

@unsafe
private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
