import Foundation
import JOSE
import Testing

@testable import GatewayConfiguration

/// The messages about certificates and keys of listeners and upstreams.
@Suite struct CertificateTests {
    let files: CertificateFiles

    init() throws { files = try CertificateFiles.shared.get() }

    /// The problems of a configuration that uses the test certificates; `@` stands for their folder.
    private func problems(_ listener: String, upstream: String = "") throws -> [String] {
        let listener = listener.replacing("@", with: files.directory)
        var sample = Sample(.listener, "address = \"127.0.0.1:8443\"\n" + listener)
        if !upstream.isEmpty {
            sample.bodies[.upstream] =
                "name = \"host\"\nservers = [\"https://a\"]\n" + upstream.replacing("@", with: files.directory)
        }
        var known: [String: [UInt8]] = [:]
        for name in [
            "standard.pem", "standard.key", "both.pem", "both.key", "exact.pem", "exact.key", "expired.pem",
            "expired.key", "encrypted.key", "ca.pem",
        ] { known[files.path(name)] = try files.bytes(name) }
        known[files.path("chain.pem")] = try files.bytes("ca.pem") + files.bytes("both.pem")
        known[files.path("torn.pem")] = Array(try files.bytes("both.pem").dropLast(100))
        do throws(ConfigurationError) {
            _ = try load(sample.text, files: known)
            return []
        } catch {
            return error.problems.map { $0.replacing(files.directory, with: "@").replacing("gateway.conf: ", with: "") }
        }
    }

    private func pair(_ certificate: String, _ key: String) -> String {
        "certificate = \"@/\(certificate)\"\nkey = \"@/\(key)\"\n"
    }

    /// A moment at which the new certificates are valid.
    private static let present = Int64(Date().timeIntervalSince1970) + 60

    @Test("A valid pair is accepted, alone and with names, authorities and an https upstream")
    func good() throws {
        #expect(try problems(pair("standard.pem", "standard.key")) == [])
        let all =
            pair("standard.pem", "standard.key")
            + "client_ca_file = \"@/ca.pem\"\n[[listener.sni]]\nnames = [\"a.b\"]\n"
            + pair("both.pem", "both.key")
        #expect(try problems(all, upstream: "ca_file = \"@/ca.pem\"") == [])
    }

    @Test("A key that does not match its certificate")
    func mismatch() throws {
        #expect(
            try problems(pair("standard.pem", "both.key"))
                == ["listener[0].key: does not match the certificate in @/standard.pem"]
        )
    }

    @Test("A chain that begins with another certificate")
    func order() throws {
        #expect(
            try problems(pair("chain.pem", "both.key"))
                == ["listener[0].certificate: must begin with the certificate of the key; it is number 2"]
        )
    }

    @Test("An expired certificate, and one not yet valid, are reported and prevent nothing")
    func validity() throws {
        let text = Sample(.listener, "address = \"127.0.0.1:8443\"\ncertificate = \"/c\"\nkey = \"/k\"").text
        func faults(_ name: String, now: Int64) throws -> [String] {
            let known = ["/c": try files.bytes("\(name).pem"), "/k": try files.bytes("\(name).key")]
            return try load(text, files: known).certificateFaults(at: now)
        }
        let expired = try faults("expired", now: Self.present + 86400)
        #expect(expired.count == 1)
        #expect(expired[0].hasPrefix("listener[0].certificate: expired on 20") && expired[0].hasSuffix(": /c"))
        let early = try faults("both", now: 1_000_000_000)
        #expect(early.count == 1)
        #expect(early[0].hasPrefix("listener[0].certificate: is not valid before 20"))
        #expect(try faults("both", now: Self.present) == [])
    }

    @Test("An encrypted key, a truncated certificate, and a file that is neither")
    func unreadable() throws {
        #expect(
            try problems(pair("both.pem", "encrypted.key"))
                == ["listener[0].key: holds no private key in PEM that OpenSSL can read without a password"]
        )
        #expect(
            try problems(pair("torn.pem", "both.key"))
                == ["listener[0].certificate: holds a certificate that OpenSSL cannot read"]
        )
        #expect(
            try problems(pair("both.key", "both.key")) == ["listener[0].certificate: holds no certificate in PEM"]
        )
        #expect(
            try problems(pair("both.pem", "both.pem"))
                == ["listener[0].key: holds no private key in PEM that OpenSSL can read without a password"]
        )
    }

    @Test("Two certificates of one kind for one name are refused; of two kinds they are accepted")
    func sameName() throws {
        let first = pair("standard.pem", "standard.key") + "[[listener.sni]]\nnames = [\"a.b\"]\n"
        let second = "[[listener.sni]]\nnames = [\"c.d\", \"A.B\"]\n"
        #expect(
            try problems(first + pair("both.pem", "both.key") + second + pair("standard.pem", "standard.key")) == []
        )
        #expect(
            try problems(first + pair("both.pem", "both.key") + second + pair("exact.pem", "exact.key"))
                == ["listener[0].sni[1].names: listener[0].sni[0] has an ECDSA certificate for \"a.b\" too"]
        )
    }

    @Test("Printed settings load again, and contain no key")
    func printed() throws {
        let text = Sample(
            .listener,
            "address = \"127.0.0.1:8443\"\ncertificate = \"/c\"\nkey = \"/k\"\nclient_ca_file = \"/ca\""
        ).text
        let known = [
            "/c": try files.bytes("both.pem"), "/k": try files.bytes("both.key"), "/ca": try files.bytes("ca.pem"),
        ]
        let settings = try load(text, files: known)
        #expect(settings.listeners[0].certifiedKey?.kind == .ecdsa)
        #expect(settings.listeners[0].clientAuthorities?.certificates.count == 1)
        let printed = settings.printed()
        #expect(printed.contains("client_ca_file = \"/ca\"\n"))
        #expect(!printed.contains("PRIVATE KEY"))
        #expect(try load(printed, files: known).printed() == printed)
        #expect(!String(reflecting: settings).contains("PRIVATE"))
    }
}
