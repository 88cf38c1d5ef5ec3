import Admission

extension Settings {
    /// Restores the values that a running process cannot change. The rest of the reload takes effect, and the next
    /// reload is compared with what is really in use.
    ///
    /// - Parameter running: the settings in effect.
    /// - Returns: the keys with a different value, such as `control.enabled`, which take effect at the next start.
    package mutating func keep(from running: Settings) -> [String] {
        var waiting = keepListeners(from: running)
        func keep<Value>(
            _ key: String,
            _ value: WritableKeyPath<Settings, Value>,
            isSame: (Value, Value) -> Bool
        ) {
            guard !isSame(self[keyPath: value], running[keyPath: value]) else { return }
            waiting.append(key)
            self[keyPath: value] = running[keyPath: value]
        }
        keep("threads", \.threads, isSame: ==)
        if admin.address != running.admin.address {
            waiting.append("admin.address")
            // Keep the token too: another address may need none.
            admin = running.admin
        }
        keep("sessions.cookie_key_file", \.sessions.cookieKeyFile, isSame: ==)
        keep("identity.assertion_key_file", \.identity.assertionKeyFile, isSame: ==)
        if control.enabled != running.control.enabled {
            waiting.append("control.enabled")
            (control.enabled, control.database) = (running.control.enabled, running.control.database)
            (control.node, control.stateFolder) = (running.control.node, running.control.stateFolder)
            control.tokenKeyFile = running.control.tokenKeyFile
            control.companyKeyFile = running.control.companyKeyFile
        }
        keep("control.database", \.control.database, isSame: ==)
        keep("control.node", \.control.node, isSame: ==)
        keep("control.state_folder", \.control.stateFolder, isSame: ==)
        if control.tokenKeyPath != running.control.tokenKeyPath { waiting.append("control.token_key_file") }
        control.tokenKeyFile = running.control.tokenKeyFile
        if control.companyKeyPath != running.control.companyKeyPath { waiting.append("control.company_key_file") }
        control.companyKeyFile = running.control.companyKeyFile
        return waiting
    }

    /// Keeps the open listeners, but takes their other settings, such as certificates.
    private mutating func keepListeners(from running: Settings) -> [String] {
        var waiting: [String] = []
        for (index, listener) in listeners.enumerated() {
            guard let open = running.listeners.first(where: { $0.address == listener.address }) else {
                waiting.append("listener[\(index)].address")
                continue
            }
            // A port that speaks TLS must not switch to plaintext while clients remember TLS, nor the reverse.
            guard (open.certificate == nil) != (listener.certificate == nil) else { continue }
            waiting.append("listener[\(index)].certificate")
            listeners[index] = open
        }
        let given = listeners
        listeners = running.listeners.map { open in
            if let same = given.first(where: { $0.address == open.address }) { return same }
            waiting.append("listener (\(open.address.text) stays open)")
            return open
        }
        return waiting
    }
}
