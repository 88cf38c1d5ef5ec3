import JOSE

extension Settings {
    /// When each certificate that the gateway presents expires, in seconds since 1970, by its place such as `listener[0]`.
    package var certificateExpiries: [(place: String, expiresAt: Int64)] {
        var expiries: [(place: String, expiresAt: Int64)] = []
        for (index, listener) in listeners.enumerated() {
            if let key = listener.certifiedKey { expiries.append(("listener[\(index)]", key.leaf.notAfter)) }
            for (number, name) in listener.serverNames.enumerated() {
                guard let key = name.certifiedKey else { continue }
                expiries.append(("listener[\(index)].sni[\(number)]", key.leaf.notAfter))
            }
        }
        for (index, upstream) in upstreams.enumerated() {
            if let key = upstream.certifiedKey { expiries.append(("upstream[\(index)]", key.leaf.notAfter)) }
        }
        return expiries
    }

    /// The certificates that are expired or not yet valid at a moment in seconds since 1970: lines that begin with a
    /// key. They are presented anyway: browsers say what is wrong with them, and the certificates of other names are still
    /// valid.
    package func certificateFaults(at now: Int64) -> [String] {
        var faults: [String] = []
        for (index, listener) in listeners.enumerated() {
            if let fault = listener.certifiedKey?.fault(at: now) {
                faults.append("listener[\(index)].certificate: \(fault): \(listener.certificate ?? "")")
            }
            for (number, name) in listener.serverNames.enumerated() {
                guard let fault = name.certifiedKey?.fault(at: now) else { continue }
                faults.append("listener[\(index)].sni[\(number)].certificate: \(fault): \(name.certificate)")
            }
        }
        for (index, upstream) in upstreams.enumerated() {
            if let fault = upstream.certifiedKey?.fault(at: now) {
                faults.append("upstream[\(index)].certificate: \(fault): \(upstream.certificate ?? "")")
            }
        }
        return faults
    }

    /// Why the statements of authorities about certificates are not sent at a moment in seconds since 1970: lines that
    /// begin with a key.
    package func stapleRemarks(at now: Int64) -> [String] {
        var remarks: [String] = []
        func add(_ place: String, _ path: String?, _ response: OCSPResponse?, _ fault: String?) {
            guard let path, let fault = response?.fault(at: now) ?? fault else { return }
            remarks.append("\(place).ocsp_file: \(fault): not sent with the certificate: \(path)")
        }
        for (index, listener) in listeners.enumerated() {
            add("listener[\(index)]", listener.ocspFile, listener.ocspResponse, listener.ocspFault)
            for (number, name) in listener.serverNames.enumerated() {
                add("listener[\(index)].sni[\(number)]", name.ocspFile, name.ocspResponse, name.ocspFault)
            }
        }
        return remarks
    }
}
