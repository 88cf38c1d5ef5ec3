import Foundation
import JOSE
import TestSupport

/// An authority, a server's certificate signed by it, and another authority, made by the `openssl` command.
struct CertificateFiles {
    /// Made once for the test process, and deleted with it.
    static let shared = Result { try CertificateFiles() }

    let authority: TrustedAuthorities
    let otherAuthority: TrustedAuthorities
    /// For hook.example, localhost and 127.0.0.1.
    let server: CertifiedKey

    private static let script = """
        set -e
        for name in ca other; do
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$name" \\
                -addext basicConstraints=critical,CA:TRUE -keyout "$name.key" -out "$name.pem"
        done
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout server.key \\
            -out server.csr
        echo subjectAltName=DNS:hook.example,DNS:localhost,IP:127.0.0.1 > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext \\
            -out server.pem
        """

    private init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("webhooks-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try Spawn.finish("/bin/sh", ["-c", "cd \"$0\"\n\(Self.script)", folder.path])
        func bytes(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: folder.appendingPathComponent(name)))
        }
        let (ca, other) = (try bytes("ca.pem"), try bytes("other.pem"))
        let (chain, key) = (try bytes("server.pem"), try bytes("server.key"))
        authority = try TrustedAuthorities(pem: ca.span)
        otherAuthority = try TrustedAuthorities(pem: other.span)
        server = try CertifiedKey(chain: chain.span, key: key.span)
    }
}
