import Foundation
import JOSE
import Testing

@testable import GatewayConfiguration

/// Certificates whose files have changed are read again, each pair by itself.
@Suite struct RenewalTests {
    private let certificates: CertificateFiles
    private let settings: Settings

    init() throws {
        certificates = try CertificateFiles.shared.get()
        let body = """
            address = "127.0.0.1:8443"
            certificate = "/a.pem"
            key = "/a.key"
            client_ca_file = "/ca.pem"
            [[listener.sni]]
            names = ["exact.example"]
            certificate = "/b.pem"
            key = "/b.key"
            """
        settings = try load(Sample(.listener, body).text, files: Self.files(certificates, "standard", "exact"))
    }

    private static func files(_ from: CertificateFiles, _ first: String, _ second: String) throws -> [String: [UInt8]] {
        func bytes(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: URL(fileURLWithPath: "\(from.directory)/\(name)")))
        }
        return [
            "/a.pem": try bytes("\(first).pem"), "/a.key": try bytes("\(first).key"),
            "/b.pem": try bytes("\(second).pem"),
            "/b.key": try bytes("\(second).key"), "/ca.pem": try bytes("ca.pem"),
        ]
    }

    private func renewal(
        _ files: [String: [UInt8]],
        fault: @escaping (CertifiedKey) -> String? = { _ in nil }
    ) -> FileRenewal {
        // The key of the sample's company stays as it is.
        let files = files.merging(Sample.files) { given, _ in given }
        return settings.renewingFiles(
            readFile: { files[$0].map { .success($0) } ?? .failure(.notFound) },
            fault: fault
        )
    }

    @Test("The watched files are all that listeners present or trust")
    func watched() {
        #expect(settings.certificateFiles == ["/a.pem", "/a.key", "/ca.pem", "/b.pem", "/b.key"])
    }

    @Test("Files with the same content change nothing")
    func unchanged() throws {
        let same = renewal(try Self.files(certificates, "standard", "exact"))
        #expect(same.changes == [] && same.problems == [])
        #expect(same.settings.listeners[0].certifiedKey === settings.listeners[0].certifiedKey)
    }

    @Test("A new pair is taken, with its subject and expiry")
    func changed() throws {
        let renewed = renewal(try Self.files(certificates, "both", "exact"))
        #expect(renewed.problems == [])
        #expect(renewed.changes.count == 1)
        #expect(renewed.changes[0].hasPrefix("listener[0].certificate: /CN=both, expires on 20"))
        #expect(renewed.changes[0].hasSuffix(": /a.pem"))
        #expect(renewed.settings.listeners[0].certifiedKey?.leaf != settings.listeners[0].certifiedKey?.leaf)
    }

    @Test("A certificate that OpenSSL does not accept stays as it was, and does not keep another from being renewed")
    func refused() throws {
        let files = try Self.files(certificates, "both", "wild")
        let (chain, key) = (try certificates.bytes("both.pem"), try certificates.bytes("both.key"))
        let weak = try CertifiedKey(chain: chain.span, key: key.span).leaf
        let renewed = renewal(files) { $0.leaf == weak ? "key too small" : nil }
        #expect(renewed.problems == ["listener[0].certificate: OpenSSL does not accept it: key too small"])
        #expect(renewed.settings.listeners[0].certifiedKey === settings.listeners[0].certifiedKey)
        #expect(renewed.changes.count == 1)
        #expect(renewed.changes.first?.hasPrefix("listener[0].sni[0].certificate: /CN=wild") == true)
    }

    @Test("A pair that cannot be used stays as it was, and does not keep another from being renewed")
    func halfBroken() throws {
        var files = try Self.files(certificates, "both", "wild")
        files["/a.key"] = files["/b.key"]
        files["/ca.pem"] = nil
        let renewed = renewal(files)
        #expect(
            renewed.problems == [
                "listener[0].key: does not match the certificate in /a.pem",
                "listener[0].client_ca_file: no such file: /ca.pem",
            ]
        )
        #expect(renewed.settings.listeners[0].certifiedKey === settings.listeners[0].certifiedKey)
        #expect(renewed.settings.listeners[0].clientAuthorities == settings.listeners[0].clientAuthorities)
        #expect(renewed.changes.count == 1)
        #expect(renewed.changes.first?.hasPrefix("listener[0].sni[0].certificate: /CN=wild") == true)
    }
}
