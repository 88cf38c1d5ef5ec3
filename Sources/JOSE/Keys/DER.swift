/// Writes the few ASN.1 structures that OpenSSL needs to read a JWK, in the distinguished encoding
/// ([X.690](https://www.itu.int/rec/T-REC-X.690)).
enum DER {
    static func sequence(_ elements: [UInt8]...) -> [UInt8] { tagged(0x30, elements.flatMap { $0 }) }

    /// A non-negative INTEGER, from big-endian bytes.
    static func integer(_ bytes: [UInt8]) -> [UInt8] {
        let digits = bytes.drop { $0 == 0 }
        let isPadded = digits.first.map { $0 >= 0x80 } ?? true
        return tagged(0x02, (isPadded ? [0] : []) + digits)
    }

    static func octetString(_ bytes: [UInt8]) -> [UInt8] { tagged(0x04, bytes) }

    static func bitString(_ bytes: [UInt8]) -> [UInt8] { tagged(0x03, [0] + bytes) }

    /// An element under the explicit tag `[number]`.
    static func explicit(_ number: UInt8, _ element: [UInt8]) -> [UInt8] { tagged(0xA0 | number, element) }

    private static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        guard content.count >= 0x80 else { return [tag, UInt8(content.count)] + content }
        var length: [UInt8] = []
        var rest = content.count
        while rest > 0 {
            length.insert(UInt8(rest & 0xFF), at: 0)
            rest >>= 8
        }
        return [tag, 0x80 | UInt8(length.count)] + length + content
    }
}

extension DER {
    /// SubjectPublicKeyInfo ([RFC 5280, section 4.1.2.7](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7)).
    static func publicKey(_ algorithm: [UInt8], _ key: [UInt8]) -> [UInt8] {
        sequence(algorithm, bitString(key))
    }

    /// PrivateKeyInfo, PKCS #8 ([RFC 5958, section 2](https://www.rfc-editor.org/rfc/rfc5958#section-2)).
    static func privateKey(_ algorithm: [UInt8], _ key: [UInt8]) -> [UInt8] {
        sequence(integer([0]), algorithm, octetString(key))
    }

    /// AlgorithmIdentifier rsaEncryption, 1.2.840.113549.1.1.1, with NULL.
    static let rsa: [UInt8] = [
        0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    ]

    /// AlgorithmIdentifier Ed25519, 1.3.101.112.
    static let ed25519: [UInt8] = [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70]

    /// AlgorithmIdentifier id-ecPublicKey, 1.2.840.10045.2.1, with the curve's name.
    static func ec(_ curve: Curve) -> [UInt8] {
        let name: [UInt8] =
            switch curve {
            case .p256: [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
            case .p384: [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22]
            case .p521: [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23]
            }
        return sequence([0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01], name)
    }
}
