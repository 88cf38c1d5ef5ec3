import Foundation

/// Certificates for tests, made by the `openssl` command: two authorities, servers and clients.
struct CertificateFiles {
    /// Made once for the test process, and deleted with it.
    static let shared = Result { try CertificateFiles() }

    let directory: String

    private static let script = """
        set -e
        ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \\
            -addext basicConstraints=critical,CA:TRUE -keyout "$1.key" -out "$1.pem"; }
        # name, authority, kind of key, names, days
        leaf() {
            case $3 in
            rsa) key="rsa:2048" ;;
            ec) key="ec -pkeyopt ec_paramgen_curve:P-256" ;;
            esac
            openssl req -newkey $key -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
            printf 'subjectAltName=%s\\n' "$4" > "$1.ext"
            openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$5" \\
                -extfile "$1.ext" -out "$1.pem"
        }
        ca ca
        ca other-ca
        leaf standard ca rsa DNS:standard.example,DNS:both.example,DNS:localhost,IP:127.0.0.1,IP:::1 30
        leaf both ca ec DNS:both.example 30
        leaf exact ca ec DNS:exact.example 30
        leaf wild ca ec DNS:*.wild.example 30
        leaf other other-ca ec DNS:standard.example,IP:127.0.0.1 30
        leaf expired ca ec DNS:standard.example,IP:127.0.0.1 -1
        leaf client ca ec DNS:client.example 30
        leaf old-client ca ec DNS:client.example -1
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=self \\
            -addext subjectAltName=DNS:standard.example,IP:127.0.0.1 -keyout self.key -out self.pem
        openssl pkey -in both.key -aes256 -passout pass:secret -out encrypted.key
        """

    private init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("gateway-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        directory = url.path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", Self.script]
        process.currentDirectoryURL = url
        let errors = url.appendingPathComponent("errors")
        _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
        process.standardError = try FileHandle(forWritingTo: errors)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(text: (try? String(contentsOf: errors, encoding: .utf8)) ?? "openssl failed")
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }

    /// The content of a file such as `standard.pem`.
    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)")))
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }
}
