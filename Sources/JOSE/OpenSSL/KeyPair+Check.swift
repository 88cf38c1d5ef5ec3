import Basics
internal import COpenSSL

extension KeyPair {
    /// The shortest RSA modulus ([RFC 7518, section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
    static let minRSABits = 2048
    /// The longest RSA modulus that OpenSSL verifies with.
    static let maxRSABits = 16384

    /// Takes a key made by somebody else. Checks that a private half matches its public half.
    convenience init(checking key: consuming Handle, algorithm: Algorithm, isPrivate: Bool) throws(KeyError) {
        try self.init(key, algorithm: algorithm, isPrivate: isPrivate)
        // SAFETY: the function is a check that `isSound` is written for.
        let isSound = withCleanErrorQueue { unsafe !isPrivate || self.key.isSound(EVP_PKEY_pairwise_check) }
        guard isSound else { throw KeyError("the private half of the key does not match the public one") }
    }

    /// Throws unless the key is sound and has the type, curve and size that `algorithm` needs.
    static func check(_ key: borrowing Handle, for algorithm: Algorithm) throws(KeyError) {
        try withCleanErrorQueue { () throws(KeyError) in
            switch algorithm.family {
            case .hmac:
                throw KeyError("\(algorithm.rawValue) needs a secret, not a key pair")
            case .rsaPKCS1:
                guard key.isA("RSA") else { throw wrongType(of: key, algorithm, "an RSA key") }
                try checkRSA(key)
            case .rsaPSS:
                guard key.isA("RSA") || key.isA("RSA-PSS") else { throw wrongType(of: key, algorithm, "an RSA key") }
                try checkRSA(key)
            case .ecdsa:
                guard key.isA("EC"), let curve = algorithm.curve else {
                    throw wrongType(of: key, algorithm, "an elliptic curve key")
                }
                try checkCurve(of: key, curve, algorithm)
            case .eddsa:
                guard key.isA("ED25519") else { throw wrongType(of: key, algorithm, "an Ed25519 key") }
                guard let half = key.ed25519PublicHalf(), !SmallOrder.contains(half) else {
                    throw KeyError("the Ed25519 key is a point of small order, for which anybody can sign")
                }
            }
        }
    }

    private static func wrongType(of key: borrowing Handle, _ algorithm: Algorithm, _ wanted: String) -> KeyError {
        // SAFETY: the name belongs to OpenSSL's table of types and lives as long as the key; it is copied here.
        let found = unsafe EVP_PKEY_get0_type_name(key.pointer).map { unsafe String(cString: $0) } ?? "unknown"
        return KeyError("\(algorithm.rawValue) needs \(wanted); this one is of type \(found)")
    }

    private static func checkRSA(_ key: borrowing Handle) throws(KeyError) {
        // SAFETY: the handle keeps the key alive.
        let bits = Int(unsafe EVP_PKEY_get_bits(key.pointer))
        guard bits >= minRSABits else {
            throw KeyError("the RSA key has \(bits) bits; the minimum is \(minRSABits)")
        }
        guard bits <= maxRSABits else {
            throw KeyError("the RSA key has \(bits) bits; the maximum is \(maxRSABits)")
        }
        // With exponent 1 every message is its own signature. An even exponent has no inverse, and a long one makes
        // each check slow.
        guard let exponent = key.number(OSSL_PKEY_PARAM_RSA_E), exponent.count <= 8, exponent.last.map({ $0 & 1 }) == 1,
            exponent != [1]
        else { throw KeyError("the public exponent of the RSA key is not supported") }
    }

    private static func checkCurve(
        of key: borrowing Handle,
        _ curve: Curve,
        _ algorithm: Algorithm
    ) throws(KeyError) {
        guard key.text(OSSL_PKEY_PARAM_GROUP_NAME).hasSameBytes(as: curve.groupName) else {
            throw KeyError("\(algorithm.rawValue) needs a key on the curve \(curve.rawValue)")
        }
        // Explicit curve parameters could name a generator for which anybody can compute the private half
        // (CVE-2020-0601).
        guard key.text(OSSL_PKEY_PARAM_EC_ENCODING).hasSameBytes(as: OSSL_PKEY_EC_ENCODING_GROUP) else {
            throw KeyError("the key has explicit curve parameters instead of naming its curve")
        }
        // SAFETY: the function is a check that `isSound` is written for.
        guard unsafe key.isSound(EVP_PKEY_public_check) else {
            throw KeyError("the public key is not a point of the curve \(curve.rawValue)")
        }
    }
}

/// The points of Ed25519 whose order divides 8. With one of them as key, there are signatures that fit many messages.
enum SmallOrder {
    /// The y coordinates in little-endian bytes without the sign bit of x, including encodings that are p too large.
    /// The orders are 4, 1, 2, and 8 twice.
    private static let points: [[UInt8]] = [
        [0] + tail(0, last: 0),
        [1] + tail(0, last: 0),
        [0xec] + tail(0xff, last: 0x7f),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
        [0xed] + tail(0xff, last: 0x7f),
        [0xee] + tail(0xff, last: 0x7f),
    ]

    private static func tail(_ byte: UInt8, last: UInt8) -> [UInt8] { Array(repeating: byte, count: 30) + [last] }

    static func contains(_ point: [UInt8]) -> Bool {
        guard let last = point.last else { return false }
        return points.contains(point.dropLast() + [last & 0x7f])
    }
}

extension Handle {
    /// The public half of this `EVP_PKEY` of type Ed25519.
    borrowing func ed25519PublicHalf() -> [UInt8]? {
        var size = 32
        var half = [UInt8](repeating: 0, count: size)
        // SAFETY: the call writes at most `size` bytes into the array, which is ours meanwhile.
        let done = unsafe half.withUnsafeMutableBufferPointer { half in
            unsafe EVP_PKEY_get_raw_public_key(pointer, half.baseAddress, &size)
        }
        return done == 1 && size == half.count ? half : nil
    }

    /// Whether this `EVP_PKEY` has a type, by OpenSSL's name.
    borrowing func isA(_ type: String) -> Bool {
        // SAFETY: the name is read during the call only.
        unsafe EVP_PKEY_is_a(pointer, type) == 1
    }

    /// Whether this `EVP_PKEY` passes one of OpenSSL's checks.
    borrowing func isSound(_ check: (OpaquePointer?) -> CInt) -> Bool {
        // SAFETY: the context counts a reference to the key, and is freed by its handle.
        guard let context = unsafe Handle(EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil), freedBy: EVP_PKEY_CTX_free)
        else { return false }
        return unsafe check(context.pointer) == 1
    }

    /// A text parameter of this `EVP_PKEY`.
    borrowing func text(_ name: String) -> String? {
        var size = 0
        var text = [CChar](repeating: 0, count: 80)
        // SAFETY: the call writes at most 80 bytes into `text`, the last of them a zero, and sets `size` to what it
        // wrote.
        let done = unsafe text.withUnsafeMutableBufferPointer { text in
            unsafe EVP_PKEY_get_utf8_string_param(pointer, name, text.baseAddress, text.count, &size)
        }
        guard done == 1, size < text.count else { return nil }
        return String(decoding: text[..<size].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A number parameter of this `EVP_PKEY`, big-endian, without leading zeros or padded to `byteCount` bytes.
    borrowing func number(_ name: String, byteCount: Int? = nil) -> [UInt8]? {
        // SAFETY: the call makes the number, and its handle frees it, wiped.
        var made: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(pointer, name, &made) == 1,
            let number = unsafe Handle(made, freedBy: BN_clear_free)
        else { return nil }
        let length = byteCount ?? (Int(unsafe BN_num_bits(number.pointer)) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: length)
        // SAFETY: the call writes exactly `length` bytes, or none if the number is longer.
        let written = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            unsafe BN_bn2binpad(number.pointer, bytes.baseAddress, CInt(length))
        }
        return Int(written) == length ? bytes : nil
    }
}
