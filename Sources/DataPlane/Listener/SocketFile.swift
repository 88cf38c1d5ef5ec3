import Basics
import GatewayConfiguration
import Glibc
import Transport

/// The file of a Unix socket. Write permission on it is permission to connect.
enum SocketFile {
    /// Which file a socket has, whatever its name.
    struct Identity: Equatable {
        private let device: UInt64
        private let inode: UInt64

        /// Returns `nil` if there is no socket.
        init?(_ path: String) {
            var status = stat()
            // SAFETY: the path is passed as a C string for the call, which fills a local.
            guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
            (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
        }
    }

    /// Removes the file of a closed socket. Leaves it if it is another's by now, or if another process goes on listening.
    static func remove(_ path: String, _ own: Identity) {
        guard Identity(path) == own, !Listener.isListening(at: path) else { return }
        // SAFETY: the path is passed as a C string for the call.
        _ = unsafe unlink(path)
    }

    /// Removes the file of a socket without a listener, to make room for another.
    static func makeRoom(at path: String) throws(SystemFault) {
        var status = stat()
        // SAFETY: here and below, the path is passed as a C string for the call, which fills a local.
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK, !Listener.isListening(at: path) else {
            throw SystemFault("bind", EADDRINUSE)
        }
        guard unsafe unlink(path) == 0 else { throw SystemFault("unlink", errno) }
    }

    /// Gives the file the configured mode and group.
    static func permit(_ socket: ListeningSocket) throws(ListenFault) {
        let (place, address) = (socket.place, socket.address)
        guard case .unix(let path) = address else { return }
        if let group = socket.group {
            guard let id = groupID(group) else {
                throw ListenFault(place: "\(place).group", address: address, reason: "no such group: \(group)")
            }
            // SAFETY: here and below, the path is passed as a C string for the call.
            guard unsafe chown(path, uid_t.max, id) == 0 else {
                let reason = "cannot give the socket to \(group): \(ListenFault.words(errno, address))"
                throw ListenFault(place: "\(place).group", address: address, reason: reason)
            }
        }
        if let mode = socket.mode, unsafe chmod(path, mode_t(mode)) != 0 {
            let reason = ListenFault.words(errno, address)
            throw ListenFault(place: "\(place).mode", address: address, reason: reason)
        }
    }

    /// The id of a group, from its name or number.
    static func groupID(_ name: String) -> gid_t? {
        if let number = gid_t(name) { return number }
        var group = unsafe group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        // SAFETY: the entry and its texts are written into locals, which outlive the reading of the number.
        return unsafe buffer.withUnsafeMutableBufferPointer { texts in
            guard unsafe getgrnam_r(name, &group, texts.baseAddress!, texts.count, &found) == 0, unsafe found != nil
            else {
                return nil
            }
            return unsafe group.gr_gid
        }
    }

    /// Whether this process may give its files to a group: root may, and others may for groups that they belong to.
    static func mayGive(to group: gid_t) -> Bool {
        if geteuid() == 0 || getegid() == group { return true }
        let count = getgroups(0, nil)
        guard count > 0 else { return false }
        var groups = [gid_t](repeating: 0, count: Int(count))
        // SAFETY: writes at most the array's count into it.
        let found = unsafe groups.withUnsafeMutableBufferPointer { unsafe getgroups(count, $0.baseAddress) }
        return groups.prefix(max(Int(found), 0)).contains(group)
    }

    /// Why no socket can be created at a path. Returns `nil` if nothing prevents it.
    static func fault(at path: String) -> String? {
        let folder = FilePath.parts(of: path).folder
        var status = stat()
        // SAFETY: here and below, the path is passed as a C string for the call, which fills a local.
        guard unsafe stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return "no such folder" }
        guard unsafe access(folder, W_OK | X_OK) == 0 else { return "its folder cannot be written to" }
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFSOCK
            ? nil : "something else is there that is no socket; move it away, or choose another path"
    }
}
