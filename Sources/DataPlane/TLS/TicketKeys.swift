import Basics
import COpenSSL
import Synchronization

/// The keys that seal session tickets ([RFC 5077](https://www.rfc-editor.org/rfc/rfc5077),
/// [RFC 8446 section 4.6.1](https://www.rfc-editor.org/rfc/rfc8446#section-4.6.1)), shared by all event loops.
///
/// A key made here seals for one period and opens for one more, so that stealing it later opens no older sessions. Keys
/// from a file, which several gateways share, are replaced by the operator. No session is stored here: the ticket contains everything that a resumption needs.
package final class TicketKeys: Sendable {
    /// AES-256 and HMAC-SHA-256 under a public name.
    //
    // SAFETY: `bytes` are written in `init` only, read until `deinit`, and belong to the key alone.
    @safe
    private final class Key: @unchecked Sendable {
        static let nameSize = 16
        static let secretSize = 32
        static let size = nameSize + 2 * secretSize
        private let bytes: UnsafeMutablePointer<UInt8>
        let madeAt: Int64

        /// - Parameter secret: ``size`` bytes of a file; `nil` for random ones.
        init(_ secret: ArraySlice<UInt8>? = nil, madeAt: Int64) {
            self.madeAt = madeAt
            unsafe bytes = .allocate(capacity: Self.size)
            // SAFETY: both calls write what was set aside.
            unsafe bytes.initialize(repeating: 0, count: Self.size)
            if let secret {
                precondition(secret.count == Self.size, "not the size of a key")
                for (index, byte) in secret.enumerated() { unsafe bytes[index] = byte }
                return
            }
            let done = unsafe RAND_bytes(bytes, CInt(Self.size))
            precondition(done == 1, "OpenSSL has no randomness")
        }

        deinit {
            // SAFETY: this key alone has the bytes.
            unsafe OPENSSL_cleanse(bytes, Self.size)
            unsafe bytes.deallocate()
        }

        @unsafe var name: UnsafeMutablePointer<UInt8> { unsafe bytes }
        @unsafe var macKey: UnsafeMutablePointer<UInt8> { unsafe bytes + Self.nameSize }
        @unsafe var cipherKey: UnsafeMutablePointer<UInt8> { unsafe bytes + Self.nameSize + Self.secretSize }
    }

    private struct State {
        /// Seals.
        var current: Key
        /// Only open.
        var previous: [Key] = []
    }

    // SAFETY: an `EVP_CIPHER` is immutable once fetched, and this one is never freed.
    private nonisolated(unsafe) static let cipher: OpaquePointer = {
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-CBC", nil) else {
            fatalError("OpenSSL has no AES: its configuration (openssl.cnf) must load the default or fips provider")
        }
        return unsafe cipher
    }()

    /// How long a key seals, in milliseconds.
    package static let period: Int64 = 12 * 3600 * 1000

    private let state: Mutex<State>
    /// `nil` for keys from a file, which do not age here.
    private let now: (@Sendable () -> Int64)?

    /// Keys from a file: 80 bytes each, as nginx has them. The first seals and all open.
    package init(file secret: [UInt8]) {
        precondition(!secret.isEmpty && secret.count % Key.size == 0, "not a number of keys")
        now = nil
        let keys = stride(from: 0, to: secret.count, by: Key.size).map {
            Key(secret[$0..<$0 + Key.size], madeAt: 0)
        }
        state = Mutex(State(current: keys[0], previous: Array(keys.dropFirst())))
    }

    /// - Parameter now: milliseconds of a clock that never goes back.
    package init(now: @escaping @Sendable () -> Int64 = { MonotonicClock.now() }) {
        self.now = now
        state = Mutex(State(current: Key(madeAt: now())))
    }

    /// The keys in effect. Includes an older one only for as long as it opens.
    private var keys: State {
        guard let now = now?() else { return state.withLock { $0 } }
        return state.withLock { state in
            let age = now - state.current.madeAt
            if age >= Self.period {
                state.previous = age < 2 * Self.period ? [state.current] : []
                state.current = Key(madeAt: now)
            }
            return state
        }
    }

    /// Prepares to seal a new ticket, or to open one.
    ///
    /// - Returns: OpenSSL's code: 1 to continue, 2 to continue and replace the ticket, 0 for an unknown key, -1 for a
    ///   failure.
    @unsafe
    func prepare(
        _ name: UnsafeMutablePointer<UInt8>,
        _ iv: UnsafeMutablePointer<UInt8>,
        _ cipher: OpaquePointer,
        _ mac: OpaquePointer,
        seals: Bool
    ) -> CInt {
        let keys = keys
        // SAFETY: OpenSSL gives 16 bytes of name and at least as many of initial value as the cipher needs; the keys
        // hold their secrets during the calls, which copy them.
        if seals {
            unsafe name.update(from: keys.current.name, count: Key.nameSize)
            let size = unsafe EVP_CIPHER_get_iv_length(Self.cipher)
            guard unsafe RAND_bytes(iv, size) == 1,
                unsafe EVP_EncryptInit_ex2(cipher, Self.cipher, keys.current.cipherKey, iv, nil) == 1,
                unsafe Self.start(mac, keys.current)
            else { return -1 }
            return 1
        }
        let isCurrent = unsafe Self.has(keys.current, name)
        guard let key = isCurrent ? keys.current : keys.previous.first(where: { unsafe Self.has($0, name) }) else {
            return 0
        }
        guard unsafe EVP_DecryptInit_ex2(cipher, Self.cipher, key.cipherKey, iv, nil) == 1,
            unsafe Self.start(mac, key)
        else { return -1 }
        return isCurrent ? 1 : 2
    }

    private static func start(_ mac: OpaquePointer, _ key: Key) -> Bool {
        // SAFETY: the key holds as many bytes as are said, and keeps them during the call.
        unsafe gateway_EVP_MAC_init_with_digest(mac, key.macKey, Key.secretSize, "SHA256") == 1
    }

    private static func has(_ key: Key, _ name: UnsafeMutablePointer<UInt8>) -> Bool {
        // SAFETY: both are 16 bytes long.
        unsafe CRYPTO_memcmp(key.name, name, Key.nameSize) == 0
    }
}
