import JOSE

extension Settings {
    /// Which certificates are past their time, or before it, at a moment in seconds since 1970: each a line that begins
    /// with a key. They are served all the same: browsers say what is wrong with them, and those of other names are still
    /// good.
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
        return faults
    }
}
