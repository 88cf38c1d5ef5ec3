/// What lines of the access log say of a session and its viewer, ready to write. Kept from the first line on.
final class LoggedSession {
    private var text: [UInt8] = []
    /// The version of the snapshot with the format of `text`. 0 before the first line.
    private var version: UInt64 = 0

    /// In bytes. A text has about 150, and is not kept if its token has a very long id.
    private static let maxText = 1 << 10

    /// Writes the text. Returns false if there is none for this version.
    @inline(__always)
    func write(to line: inout ByteWriter, for version: UInt64) -> Bool {
        guard self.version == version else { return false }
        line.write(text)
        return true
    }

    /// Keeps what was written to the line from `mark` on.
    func keep(_ line: borrowing ByteWriter, from mark: Int, for version: UInt64) {
        // A line that does not fit is written again.
        guard !line.isOverfull, line.count - mark <= Self.maxText else { return }
        (text, self.version) = (line.copied(from: mark), version)
    }
}
