import Basics

extension Key {
    /// Reads a public or private key from PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)).
    ///
    /// The text must contain exactly one key, whose type, curve and size match the algorithm.
    package static func pem(_ bytes: [UInt8], algorithm: Algorithm, id: String?) throws(KeyError) -> Key {
        let labels = pemLabels(in: bytes).filter { !$0.hasSameBytes(as: "EC PARAMETERS") }
        guard let label = labels.first else { throw KeyError("it contains no PEM block") }
        guard labels.count == 1 else { throw KeyError("it contains \(labels.count) PEM blocks instead of one") }
        let isPrivate: Bool
        switch ExactText(label) {
        case "PUBLIC KEY", "RSA PUBLIC KEY":
            isPrivate = false
        case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
            isPrivate = true
        case "ENCRYPTED PRIVATE KEY":
            throw KeyError("the private key is encrypted; `openssl pkey -in FILE` decrypts it")
        case "CERTIFICATE":
            throw KeyError("it is a certificate; `openssl x509 -in FILE -noout -pubkey` prints its public key")
        default:
            throw KeyError("the PEM block contains no key of a supported kind")
        }
        let pair = try KeyPair.reading(pem: bytes.span, algorithm: algorithm, isPrivate: isPrivate)
        return Key(id: id, algorithm: algorithm, material: .pair(pair))
    }

    /// The labels between `-----BEGIN ` and the closing dashes.
    private static func pemLabels(in bytes: [UInt8]) -> [String] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let line = line.drop { $0 == 0x20 || $0 == 0x09 }
            let begin = Array("-----BEGIN ".utf8)
            guard line.starts(with: begin) else { return nil }
            return String(decoding: line.dropFirst(begin.count).prefix { $0 != UInt8(ascii: "-") }, as: UTF8.self)
        }
    }
}
