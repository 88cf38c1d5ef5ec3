package import JOSE

/// Files of the configuration that were read again while it is in use.
package struct FileRenewal: Sendable {
    /// The settings with what the files hold now.
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

    /// The files of companies' keys and client secrets, as the configuration writes their paths.
    package var keyFiles: [String] {
        companies.flatMap { company in company.keyOrigins.compactMap { $0.file?.path } + company.clientSecretFiles }
    }

    /// Reads the files of certificates, their keys and authorities, and of companies' keys and secrets again. Whatever
    /// cannot be used does not keep the others from being renewed; the keys of one company are renewed together.
    ///
    /// - Parameters:
    ///   - readFile: reads a file by its path in the configuration.
    ///   - fault: why a certificate cannot be presented; `nil` if it can.
    package func renewingFiles(
        readFile: @escaping (String) -> Result<[UInt8], FileFault>,
        fault: @escaping (CertifiedKey) -> String?
    ) -> FileRenewal {
        var reader = RenewalReader(renewal: FileRenewal(settings: self), readFile: readFile, fault: fault)
        for (index, listener) in listeners.enumerated() {
            reader.renew(listener, into: \.listeners[index], place: "listener[\(index)]")
        }
        reader.renewKeys()
        return reader.renewal
    }
}

/// Reads files again and collects what has changed.
struct RenewalReader {
    var renewal: FileRenewal
    let readFile: (String) -> Result<[UInt8], FileFault>
    let fault: (CertifiedKey) -> String?

    /// A certificate with what its authority says about it.
    private struct Stapled {
        var key: CertifiedKey
        var response: OCSPResponse?
        /// Why there is no response although there is a file.
        var fault: String?
    }

    mutating func renew(
        _ listener: ListenerSettings,
        into target: WritableKeyPath<Settings, ListenerSettings>,
        place: String
    ) {
        var new = listener
        if let path = listener.certificate, let keyPath = listener.key, let key = listener.certifiedKey {
            let old = Stapled(key: key, response: listener.ocspResponse, fault: listener.ocspFault)
            let stapled = renew(old, place, path, keyPath, listener.ocspFile)
            (new.certifiedKey, new.ocspResponse, new.ocspFault) = (stapled.key, stapled.response, stapled.fault)
        }
        if let path = listener.ticketKeyFile, let old = listener.ticketKeys {
            new.ticketKeys = renew(old, place, path)
        }
        if let path = listener.clientCAFile, let old = listener.clientAuthorities {
            new.clientAuthorities = renew(old, place, path)
        }
        for (number, name) in listener.serverNames.enumerated() {
            guard let key = name.certifiedKey else { continue }
            let old = Stapled(key: key, response: name.ocspResponse, fault: name.ocspFault)
            let stapled = renew(old, "\(place).sni[\(number)]", name.certificate, name.key, name.ocspFile)
            new.serverNames[number].certifiedKey = stapled.key
            (new.serverNames[number].ocspResponse, new.serverNames[number].ocspFault) = (
                stapled.response, stapled.fault
            )
        }
        renewal.settings[keyPath: target] = new
    }

    /// The certificate to present from now on, and the statement to send with it.
    private mutating func renew(
        _ old: Stapled,
        _ place: String,
        _ certificatePath: String,
        _ keyPath: String,
        _ ocspPath: String?
    ) -> Stapled {
        var new = Stapled(key: renew(old.key, place, certificatePath, keyPath))
        guard let ocspPath else { return new }
        // A statement about a former certificate would be wrong with another.
        let isSameKey = new.key === old.key
        if isSameKey { new = old }
        guard let bytes = read("\(place).ocsp_file", ocspPath) else {
            if !isSameKey { new.fault = "cannot be read" }
            return new
        }
        do throws(KeyError) {
            let response = try OCSPResponse(der: bytes, for: new.key)
            if response != old.response { renewal.changes.append("\(place).ocsp_file: \(ocspPath)") }
            (new.response, new.fault) = (response, nil)
        } catch {
            if new.response != nil {
                renewal.problems.append("\(place).ocsp_file: \(error): \(ocspPath)")
            } else {
                new.fault = "\(error)"
            }
        }
        return new
    }

    /// The certificate to present from now on.
    private mutating func renew(
        _ old: CertifiedKey,
        _ place: String,
        _ certificatePath: String,
        _ keyPath: String
    ) -> CertifiedKey {
        guard let certificate = read("\(place).certificate", certificatePath),
            var key = read("\(place).key", keyPath)
        else { return old }
        defer { wipe(&key) }
        do throws(CertifiedKey.Fault) {
            let new = try CertifiedKey(chain: certificate.span, key: key.span)
            // The key belongs to the certificate, so that it is the same too.
            guard new.chain != old.chain else { return old }
            if let fault = fault(new) {
                renewal.problems.append("\(place).certificate: OpenSSL does not accept it: \(fault)")
                return old
            }
            renewal.changes.append("\(place).certificate: \(new.leaf.summary): \(certificatePath)")
            return new
        } catch {
            let (name, text) = error.report(certificatePath: certificatePath)
            renewal.problems.append("\(place).\(name): \(text)")
            return old
        }
    }

    /// The keys of session tickets from now on.
    private mutating func renew(_ old: Secret, _ place: String, _ path: String) -> Secret {
        guard let bytes = read("\(place).ticket_key_file", path), bytes != old.bytes else { return old }
        if let fault = ListenerSettings.fault(ofTicketKeys: bytes) {
            renewal.problems.append("\(place).ticket_key_file: \(fault)")
            return old
        }
        renewal.changes.append("\(place).ticket_key_file: \(path)")
        return Secret(bytes)
    }

    /// The authorities to trust from now on.
    private mutating func renew(_ old: TrustedAuthorities, _ place: String, _ path: String) -> TrustedAuthorities {
        guard let bytes = read("\(place).client_ca_file", path) else { return old }
        do throws(KeyError) {
            let new = try TrustedAuthorities(pem: bytes.span)
            guard new != old else { return old }
            renewal.changes += new.certificates.map { "\(place).client_ca_file: \($0.summary): \(path)" }
            return new
        } catch {
            renewal.problems.append("\(place).client_ca_file: \(error)")
            return old
        }
    }

    mutating func read(_ key: String, _ path: String) -> [UInt8]? {
        switch readFile(path) {
        case .success(let bytes): return bytes
        case .failure(let fault):
            renewal.problems.append("\(key): \(fault.reason): \(path)")
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
