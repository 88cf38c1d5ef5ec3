/// Memory shared by the TLS connections of one event loop. Each needs it only during a call, so idle connections hold
/// none.
@safe
final class TLSScratch {
    /// The largest content of a record ([RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)).
    static let recordSize = 16 << 10
    /// Larger record buffers are not kept.
    private static let maxKept = 128 << 10

    /// Records to send; empty between calls.
    private(set) var records: ContiguousArray<UInt8> = []
    /// Where OpenSSL decrypts to.
    let plaintext = UnsafeMutableRawBufferPointer.allocate(byteCount: EventLoop.receiveSize, alignment: 64)
    /// Joins pieces into one record; empty between calls.
    private var staging: ContiguousArray<UInt8> = []

    deinit { unsafe plaintext.deallocate() }

    /// Adds a record, or a part of one, to the records to send.
    @unsafe
    func add(_ bytes: UnsafeRawBufferPointer) { unsafe records.append(contentsOf: bytes) }

    /// Takes the records to send.
    func takeRecords() -> ContiguousArray<UInt8> {
        var taken: ContiguousArray<UInt8> = []
        swap(&taken, &records)
        return taken
    }

    /// Takes back the memory of records that were sent.
    func giveBackRecords(_ memory: consuming ContiguousArray<UInt8>) {
        guard memory.capacity <= Self.maxKept else { return }
        memory.removeAll(keepingCapacity: true)
        records = memory
    }

    /// Empty memory for joining pieces into one record.
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

    /// The first bytes of what was last decrypted.
    @_lifetime(borrow self)
    func decrypted(_ count: Int) -> Span<UInt8> {
        // SAFETY: the memory lives as long as this object, and OpenSSL has written the bytes.
        let bytes = unsafe Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(rebasing: plaintext[..<count]))
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }
}
