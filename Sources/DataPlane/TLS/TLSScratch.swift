import NIOCore

/// Buffers that the TLS connections of one event loop share: each needs them during a call only, so that an idle
/// connection holds none.
final class TLSScratch {
    /// What a record holds at most ([RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)).
    static let recordSize = 16 << 10
    /// Larger buffers are not kept.
    private static let maxKept = 128 << 10

    /// Where what was read goes back to.
    let receivePool: ReceivePool?
    /// Records that are to be sent; empty between calls.
    private(set) var outgoing = ByteBuffer()
    private var isOutgoingFresh = false
    /// Plaintext on its way to the next handler.
    private var incoming = ByteBuffer()
    /// Small writes that are to become one record.
    var staging = ByteBuffer()

    init(receivePool: ReceivePool? = nil) { self.receivePool = receivePool }

    /// Adds a record, or a part of one, to what is to be sent.
    func send(_ bytes: UnsafeRawBufferPointer) {
        if !isOutgoingFresh {
            // Who still holds what was sent last keeps it; then this is new memory, as large as needed.
            outgoing.clear(minimumCapacity: bytes.count)
            isOutgoingFresh = true
        }
        // SAFETY: the bytes are read during the call.
        unsafe outgoing.writeBytes(bytes)
    }

    var outgoingCount: Int { isOutgoingFresh ? outgoing.readableBytes : 0 }

    /// Hands over what is to be sent.
    func takeOutgoing() -> ByteBuffer? {
        guard isOutgoingFresh else { return nil }
        isOutgoingFresh = false
        let taken = outgoing
        if outgoing.capacity > Self.maxKept { outgoing = ByteBuffer() }
        return taken.readableBytes > 0 ? taken : nil
    }

    /// An empty buffer for at least `capacity` octets of plaintext.
    func takeIncoming(capacity: Int) -> ByteBuffer {
        var buffer = incoming
        incoming = ByteBuffer()
        buffer.clear(minimumCapacity: capacity)
        return buffer
    }

    /// Keeps a buffer for another use. Its reader may still hold it: then the next user gets fresh memory.
    func recycle(_ buffer: ByteBuffer) {
        guard buffer.capacity <= Self.maxKept else { return }
        incoming = buffer
    }
}
