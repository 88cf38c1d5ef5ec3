import Glibc

/// Paths of files that need not exist.
package enum FilePath {
    /// The folder and the name in a path.
    package static func parts(of path: String) -> (folder: String, name: Substring) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), path[path.index(after: slash)...])
    }

    /// Identifies a place however its path is spelt: by its folder's device and inode, and its name. Returns the path
    /// itself if the folder does not exist.
    package static func identity(of path: String) -> String {
        let (folder, name) = parts(of: path)
        var status = stat()
        // SAFETY: the path is passed as a C string for the call, which fills a local.
        return unsafe stat(folder, &status) == 0 ? "\(status.st_dev) \(status.st_ino) \(name)" : path
    }
}
