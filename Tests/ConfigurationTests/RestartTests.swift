import Testing

@testable import GatewayConfiguration

/// Settings that a reload cannot change stay, and their keys are reported.
@Suite struct RestartTests {
    private func settings(_ change: (inout Settings) -> Void = { _ in }) throws -> Settings {
        var settings = try load(Sample().text)
        change(&settings)
        return settings
    }

    @Test("Each key that a running process cannot change is reported, and keeps its value")
    func keys() throws {
        let running = try settings()
        let changes: [(key: String, change: (inout Settings) -> Void)] = [
            ("threads", { $0.threads = 7 }), ("admin.address", { $0.admin.address = .unix(path: "/a") }),
            ("sessions.cookie_key_file", { $0.sessions.cookieKeyFile = "/k" }),
            ("identity.assertion_key_file", { $0.identity.assertionKeyFile = "/k" }),
            ("control.enabled", { ($0.control.enabled, $0.control.database) = (true, .file("/d")) }),
            ("control.database", { ($0.control.database, $0.control.tokenKeyFile) = (.file("/d"), "/k") }),
            ("control.node", { $0.control.node = "b" }),
            ("control.state_folder", { $0.control.stateFolder = "/s" }),
            ("control.token_key_file", { $0.control.tokenKeyFile = "/k" }),
            ("control.company_key_file", { $0.control.companyKeyFile = "/k" }),
            ("listener[1].address", { $0.listeners.append(ListenerSettings(address: .unix(path: "/l"))) }),
            ("listener[0].certificate", { $0.listeners[0].certificate = "/c" }),
        ]
        for (key, change) in changes {
            var changed = try settings(change)
            let waiting = changed.keep(from: running)
            #expect(waiting.contains(key), "\(key) in \(waiting)")
            #expect(changed.printed() == running.printed(), "\(key)")
            #expect(changed.keep(from: running) == [])
        }
    }

    @Test("Attack: a new admin address that needs no token does not remove the token of the open one")
    func adminToken() throws {
        let running = try settings {
            $0.admin.address = .tcp(host: "0.0.0.0", port: 9901)
            $0.admin.token = Secret(Array("a token of the operator".utf8))
        }
        var changed = try settings()
        #expect(changed.keep(from: running) == ["admin.address"])
        #expect(changed.admin.token != nil && changed.admin.address == running.admin.address)
    }

    @Test("Nothing waits if nothing has changed, or if the change takes effect at once; listeners may be reordered")
    func nothing() throws {
        let two = ListenerSettings(address: .unix(path: "/l"), mode: 0o600)
        let running = try settings { $0.listeners.append(two) }
        var same = running
        #expect(same.keep(from: running) == [])
        var changed = try settings {
            $0.listeners.insert(
                ListenerSettings(address: .unix(path: "/l"), mode: 0o660, proxyProtocol: true),
                at: 0
            )
            $0.drainTimeout = .seconds(1)
            $0.log.access.toggle()
            ($0.log.level, $0.log.format, $0.log.accessOutput) = (.debug, .text, .file("/a"))
            $0.control.retention.stays = .seconds(5000)
        }
        #expect(changed.keep(from: running) == [])
        #expect(changed.listeners.map(\.mode) == [nil, 0o660] && changed.drainTimeout == .seconds(1))
        #expect(changed.listeners.map(\.proxyProtocol) == [false, true])
    }

    @Test("A listener removed from the file stays open, and is named by its address")
    func gone() throws {
        let running = try settings()
        var changed = try settings { $0.listeners = [ListenerSettings(address: .unix(path: "/l"))] }
        let address = running.listeners[0].address.text
        #expect(changed.keep(from: running) == ["listener[0].address", "listener (\(address) stays open)"])
        #expect(changed.listeners.map(\.address) == running.listeners.map(\.address))
    }
}
