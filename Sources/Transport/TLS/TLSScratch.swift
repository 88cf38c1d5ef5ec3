/// Memory that the TLS connections of one event loop share: each needs it during a call only, so that an idle connection
/// holds none.
@safe
final class TLSScratch {
    /// What a record holds at most ([RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)).
    static let recordSize = 16 << 10
    /// Larger memory for records is not kept.
    private static let maxKept = 128 << 10

    /// Records that are to be sent; empty between calls.
    private(set) var records: ContiguousArray<UInt8> = []
    /// Where OpenSSL decrypts to.
    let plaintext = UnsafeMutableRawBufferPointer.allocate(byteCount: EventLoop.receiveSize, alignment: 64)
    /// For pieces that are to become one record; empty between calls.
    private var staging: ContiguousArray<UInt8> = []

    deinit { unsafe plaintext.deallocate() }

    /// Adds a record, or a part of one, to what is to be sent.
    @unsafe
    func add(_ bytes: UnsafeRawBufferPointer) { unsafe records.append(contentsOf: bytes) }

    /// The records that are to be sent.
    func takeRecords() -> ContiguousArray<UInt8> {
        var taken: ContiguousArray<UInt8> = []
        swap(&taken, &records)
        return taken
    }

    /// Keeps the memory of records that were sent.
    func giveBackRecords(_ memory: consuming ContiguousArray<UInt8>) {
        guard memory.capacity <= Self.maxKept else { return }
        memory.removeAll(keepingCapacity: true)
        records = memory
    }

    /// Empty memory for pieces that are to become one record.
    func takeStaging() -> ContiguousArray<UInt8> {
        var taken: ContiguousArray<UInt8> = []
        swap(&taken, &staging)
        return taken
    }

    func giveBackStaging(_ memory: consuming ContiguousArray<UInt8>) {
        guard memory.capacity <= Self.maxKept else { return }
        memory.removeAll(keepingCapacity: true)
        staging = memory
    }

    /// The first bytes of what was decrypted last.
    @_lifetime(borrow self)
    func decrypted(_ count: Int) -> Span<UInt8> {
        // SAFETY: the memory lives as long as this object, and OpenSSL has written the bytes.
        let bytes = unsafe Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(rebasing: plaintext[..<count]))
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }
}
