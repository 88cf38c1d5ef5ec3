import Glibc
import Synchronization
import Transport

/// Calls an action when files have changed.
///
/// Asks the system for their state every two seconds, following symbolic links. So it also notices a link that was
/// exchanged (Kubernetes' secrets, certbot's `live`), and files on network mounts, which inotify does not. Never blocks
/// an event loop: a network mount may not answer.
final class FileWatch: Sendable {
    private let changes = Mutex(FileChanges())
    private let thread = FileThread("watched files")
    private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

    private static let interval = Duration.seconds(2)

    deinit { task.withLock { $0?.cancel() } }

    /// Starts to watch. The action is called once soon after, in case a file changed between being read and watched.
    ///
    /// - Parameter action: gets called off the event loops. Must do nothing if the files' content is what it knows.
    init(_ paths: [String], action: @escaping @Sendable () -> Void) {
        watch(paths)
        let task = Task { [weak self] in
            while (try? await Task.sleep(for: Self.interval)) != nil {
                guard let self else { return }
                if await thread.run({ self.look() }) { action() }
            }
        }
        self.task.withLock { $0 = task }
    }

    /// Watches other files from now on.
    func watch(_ paths: [String]) { changes.withLock { $0 = FileChanges(paths: paths) } }

    /// Calls the action again soon, even if no file changes: what it read cannot be used, or could not be read.
    func tryAgain() { changes.withLock { $0.tryAgain() } }

    private func look() -> Bool {
        let paths = changes.withLock { $0.paths }
        let states = paths.map(FileState.init)
        return changes.withLock { $0.paths == paths && $0.haveSettled(states) }
    }
}

/// What tells one content of a file from another.
struct FileState: Equatable {
    var device: UInt64 = 0
    var inode: UInt64 = 0
    var size: Int64 = 0
    /// In seconds and nanoseconds. A change of the content changes `changedAt` even if a program resets `modifiedAt`.
    var modifiedAt: [Int] = []
    var changedAt: [Int] = []

    /// - Parameter path: a file's; all zero if there is none.
    init(_ path: String) {
        var status = stat()
        // SAFETY: the path is passed as a C string for the call, which fills a local.
        guard unsafe stat(path, &status) == 0 else { return }
        (device, inode, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int64(status.st_size))
        modifiedAt = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        changedAt = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
}

/// Decides when to act on changes of files: once they have settled, so that a certificate and its key, which are written
/// one after the other, are read together. Pure.
struct FileChanges {
    let paths: [String]
    /// The states that were acted on; `nil` if none were.
    private var known: [FileState]?
    private var last: [FileState]?
    /// How many calls there are until the files are acted on again although they have not changed.
    private var callsUntilRetry: Int?
    private static let retryCalls = 3

    init(paths: [String] = []) { self.paths = paths }

    /// Whether to act: the files are not as they were when last acted on, and have not changed since the last call.
    mutating func haveSettled(_ states: [FileState]) -> Bool {
        defer { last = states }
        if let calls = callsUntilRetry {
            callsUntilRetry = calls - 1
            if calls == 1 { known = nil }
        }
        guard states != known, states == last else { return false }
        known = states
        callsUntilRetry = nil
        return true
    }

    /// Acts on the files once more, whether or not they change.
    mutating func tryAgain() { callsUntilRetry = Self.retryCalls }
}
