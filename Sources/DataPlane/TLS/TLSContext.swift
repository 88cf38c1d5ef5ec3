import Basics
import COpenSSL
package import GatewayConfiguration
import JOSE
import Transport

/// The protocol inside TLS ([RFC 7301](https://www.rfc-editor.org/rfc/rfc7301)).
package enum TLSProtocol: String, Sendable {
    case http2 = "h2"
    case http1 = "http/1.1"
}

/// A listener's TLS settings: its certificates by server name, and the client authorities.
///
/// A reload makes a new one. Connections keep the one that they began with.
//
// SAFETY: everything is written in `init` only. OpenSSL allows an unmodified `SSL_CTX` to be used by several
// threads at once.
package final class TLSContext: @unchecked Sendable {
    /// The protocols offered by ALPN, in order of preference.
    static let protocols: [TLSProtocol] = [.http2, .http1]

    /// A certificate that OpenSSL does not accept.
    package struct Fault: Error, CustomStringConvertible {
        /// The key in the listener's table, such as `sni[0].certificate`.
        package let key: String
        package let reason: String
        package var description: String { "\(key): \(reason)" }
    }

    let ticketKeys: TicketKeys
    let protocols: [TLSProtocol]
    /// What authorities say about certificates.
    private let statements: [Statement]
    /// For names that match no other certificate, and for clients that send no name.
    private let standard: TLSCertificates
    /// By complete name, in lower case.
    private let exact: [ExactText: TLSCertificates]
    /// By the part after `*.`.
    private let wildcard: [ExactText: TLSCertificates]

    /// - Parameters:
    ///   - listener: one with a certificate and its key.
    ///   - ticketKeys: shared by all listeners; a ticket is valid only for the same address, name and client
    ///     authorities.
    package convenience init(_ listener: ListenerSettings, ticketKeys: TicketKeys) throws(Fault) {
        try self.init(listener, ticketKeys: ticketKeys, protocols: Self.protocols)
    }

    init(_ listener: ListenerSettings, ticketKeys: TicketKeys, protocols: [TLSProtocol]) throws(Fault) {
        self.ticketKeys = ticketKeys
        self.protocols = protocols
        guard let certifiedKey = listener.certifiedKey else { throw Fault(key: "certificate", reason: "is missing") }
        let first = NamedKey(place: "certificate", key: certifiedKey)
        let pairs =
            [(listener.certifiedKey, listener.ocspResponse)]
            + listener.serverNames.map { ($0.certifiedKey, $0.ocspResponse) }
        statements = pairs.compactMap { key, statement in
            guard let key, let statement else { return nil }
            return Statement(certificate: key.leaf, response: statement)
        }
        standard = try TLSCertificates([first], names: [], listener)
        var byName: [ExactText: [NamedKey]] = [:]
        for (index, entry) in listener.serverNames.enumerated() {
            guard let key = entry.certifiedKey else { continue }
            let named = NamedKey(place: "sni[\(index)].certificate", key: key)
            for name in entry.names { byName[ExactText(name), default: []].append(named) }
        }
        // Names with the same certificates share an OpenSSL context.
        var groups: [[String]: (names: [String], keys: [NamedKey])] = [:]
        for (name, keys) in byName.sorted(by: { $0.key.text < $1.key.text }) {
            let name = name.text
            // Offer the listener's own certificate too if it covers that name.
            let isOwn = !keys.contains { $0.key.kind == certifiedKey.kind } && certifiedKey.leaf.covers(name)
            let all = isOwn ? keys + [first] : keys
            groups[all.map(\.place), default: ([], all)].names.append(name)
        }
        var exact: [ExactText: TLSCertificates] = [:]
        var wildcard: [ExactText: TLSCertificates] = [:]
        for group in groups.values {
            let certificates = try TLSCertificates(group.keys, names: group.names, listener)
            for name in group.names {
                if name.utf8.starts(with: "*.".utf8) {
                    wildcard[ExactText(String(name.dropFirst(2)))] = certificates
                } else {
                    exact[ExactText(name)] = certificates
                }
            }
        }
        self.exact = exact
        self.wildcard = wildcard
    }

    private struct Statement {
        let certificate: Certificate
        let response: OCSPResponse
    }

    /// What its authority says about a certificate, unless that has expired at a moment in seconds since 1970.
    func statement(about certificate: OpaquePointer, at now: Int64) -> OCSPResponse? {
        // SAFETY: the addresses are only compared.
        statements.first { unsafe $0.certificate.handle.pointer == certificate && $0.response.expiresAt >= now }?
            .response
    }

    /// A key, and the place of its certificate in the configuration.
    struct NamedKey {
        let place: String
        let key: CertifiedKey
    }

    /// Makes a connection for a client.
    func stream() -> TLSStream? {
        // SAFETY: the handle owns the connection, which counts a reference to the context.
        guard let ssl = unsafe Handle(SSL_new(standard.handle.pointer), freedBy: SSL_free) else { return nil }
        unsafe SSL_set_accept_state(ssl.pointer)
        return TLSStream(ssl, context: self)
    }

    /// The certificates for a server name as written by the client.
    func certificates(for name: String) -> TLSCertificates {
        let name = name.lowercased()
        if let found = exact[ExactText(name)] { return found }
        guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")), dot != name.startIndex else { return standard }
        return wildcard[ExactText(String(name[name.index(after: dot)...]))] ?? standard
    }

    /// The gateway's first protocol that the client also supports; `nil` if there is none.
    func choose(from offered: Span<UInt8>) -> Range<Int>? {
        for ours in protocols {
            let name = ours.rawValue.utf8
            var position = 0
            while position < offered.count {
                let start = position + 1
                let end = start + Int(offered[position])
                guard end <= offered.count else { return nil }
                let isOurs = name.count == end - start && name.enumerated().allSatisfy { offered[start + $0] == $1 }
                if isOurs { return start..<end }
                position = end
            }
        }
        return nil
    }
}
