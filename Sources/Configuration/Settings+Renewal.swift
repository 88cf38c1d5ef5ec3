import JOSE

/// Certificates whose files were read again.
package struct CertificateRenewal: Sendable {
    /// The settings with the new certificates.
    package var settings: Settings
    /// What changed: lines that begin with a key.
    package var changes: [String] = []
    /// What cannot be used, and stays as it was: lines that begin with a key.
    package var problems: [String] = []
}

extension Settings {
    /// The files of listeners' certificates, keys and authorities, as the configuration writes their paths.
    package var certificateFiles: [String] {
        listeners.flatMap { listener in
            [listener.certificate, listener.key, listener.ocspFile, listener.clientCAFile, listener.ticketKeyFile]
                .compactMap { $0 }
                + listener.serverNames.flatMap { [$0.certificate, $0.key] + [$0.ocspFile].compactMap { $0 } }
        }
    }

    /// Reads the files of certificates, keys and authorities again. Whatever cannot be used does not keep the others from
    /// being renewed.
    ///
    /// - Parameter readFile: reads a file by its path in the configuration.
    package func renewingCertificates(readFile: (String) -> Result<[UInt8], FileFault>) -> CertificateRenewal {
        var renewal = CertificateRenewal(settings: self)
        for (index, listener) in listeners.enumerated() {
            let place = "listener[\(index)]"
            if let path = listener.certificate, let keyPath = listener.key, let old = listener.certifiedKey {
                let key = renewal.renew(old, place, path, keyPath, readFile)
                renewal.settings.listeners[index].certifiedKey = key
                renewal.settings.listeners[index].ocspResponse =
                    renewal.renew(listener.ocspResponse, of: key, wasOf: old, place, listener.ocspFile, readFile)
            }
            if let path = listener.ticketKeyFile, let old = listener.ticketKeys {
                renewal.settings.listeners[index].ticketKeys = renewal.renew(old, place, path, readFile)
            }
            if let path = listener.clientCAFile, let old = listener.clientAuthorities {
                renewal.settings.listeners[index].clientAuthorities = renewal.renew(old, place, path, readFile)
            }
            for (number, name) in listener.serverNames.enumerated() {
                guard let old = name.certifiedKey else { continue }
                let place = "\(place).sni[\(number)]"
                let key = renewal.renew(old, place, name.certificate, name.key, readFile)
                renewal.settings.listeners[index].serverNames[number].certifiedKey = key
                renewal.settings.listeners[index].serverNames[number].ocspResponse =
                    renewal.renew(name.ocspResponse, of: key, wasOf: old, place, name.ocspFile, readFile)
            }
        }
        return renewal
    }
}

extension CertificateRenewal {
    /// The certificate to use from now on.
    fileprivate mutating func renew(
        _ old: CertifiedKey,
        _ place: String,
        _ certificatePath: String,
        _ keyPath: String,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> CertifiedKey {
        guard let certificate = read("\(place).certificate", certificatePath, readFile),
            var key = read("\(place).key", keyPath, readFile)
        else { return old }
        defer { wipe(&key) }
        do throws(CertifiedKey.Fault) {
            let new = try CertifiedKey(chain: certificate.span, key: key.span)
            // The key belongs to the certificate, so that it is the same too.
            guard new.chain != old.chain else { return old }
            changes.append("\(place).certificate: \(new.leaf.summary): \(certificatePath)")
            return new
        } catch {
            let (name, text) = error.report(certificatePath: certificatePath)
            problems.append("\(place).\(name): \(text)")
            return old
        }
    }

    /// The statement to send from now on. One about a former certificate would be wrong with another.
    fileprivate mutating func renew(
        _ old: OCSPResponse?,
        of key: CertifiedKey,
        wasOf oldKey: CertifiedKey,
        _ place: String,
        _ path: String?,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> OCSPResponse? {
        guard let path else { return nil }
        let kept = key === oldKey ? old : nil
        guard let bytes = read("\(place).ocsp_file", path, readFile) else { return kept }
        do throws(KeyError) {
            let new = try OCSPResponse(der: bytes, for: key)
            if new != old { changes.append("\(place).ocsp_file: \(path)") }
            return new
        } catch {
            problems.append("\(place).ocsp_file: \(error)")
            return kept
        }
    }

    /// The keys of session tickets from now on.
    fileprivate mutating func renew(
        _ old: Secret,
        _ place: String,
        _ path: String,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> Secret {
        guard let bytes = read("\(place).ticket_key_file", path, readFile), bytes != old.bytes else { return old }
        if let fault = ListenerSettings.fault(ofTicketKeys: bytes) {
            problems.append("\(place).ticket_key_file: \(fault)")
            return old
        }
        changes.append("\(place).ticket_key_file: \(path)")
        return Secret(bytes)
    }

    /// The authorities to trust from now on.
    fileprivate mutating func renew(
        _ old: TrustedAuthorities,
        _ place: String,
        _ path: String,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> TrustedAuthorities {
        guard let bytes = read("\(place).client_ca_file", path, readFile) else { return old }
        do throws(KeyError) {
            let new = try TrustedAuthorities(pem: bytes.span)
            guard new != old else { return old }
            changes += new.certificates.map { "\(place).client_ca_file: \($0.summary): \(path)" }
            return new
        } catch {
            problems.append("\(place).client_ca_file: \(error)")
            return old
        }
    }

    private mutating func read(
        _ key: String,
        _ path: String,
        _ readFile: (String) -> Result<[UInt8], FileFault>
    ) -> [UInt8]? {
        switch readFile(path) {
        case .success(let bytes): return bytes
        case .failure(let fault):
            problems.append("\(key): \(fault.reason): \(path)")
            return nil
        }
    }
}

extension CertifiedKey.Fault {
    /// The key of the configuration that is at fault, and what to say about it.
    func report(certificatePath: String) -> (key: String, text: String) {
        switch self {
        case .certificate(let reason): ("certificate", reason)
        case .key(let reason): ("key", reason)
        case .mismatch: ("key", "does not match the certificate in \(certificatePath)")
        }
    }
}
