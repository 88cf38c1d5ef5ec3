package import Admission
package import Basics

/// `[control]`: the control API and its database.
package struct ControlSettings: Sendable, Equatable {
    package var enabled = false
    package var database = DatabaseLocation.file("/var/lib/gateway/gateway.sqlite")
    /// What this gateway is called among those that share the database; `nil` if it has it alone. Not for a file.
    package var node: String?
    /// How gateways that share the database share the leases.
    package var sharing = SharingPolicy()
    /// Where the API's socket and its keys are while the database is a server. Beside a file they are next to it.
    package var stateFolder = "/var/lib/gateway"
    /// The file with the key that signs API tokens; `nil` for one beside the database, or in the state folder.
    package var tokenKeyFile: String?
    /// The file with the key that seals the secrets of the directory's companies; `nil` likewise.
    package var companyKeyFile: String?
    /// Addresses besides public ones that webhooks may go to. Only these may use `http`.
    package var webhookPrivateAddresses: [AddressRange] = []
    package var retention = RetentionSettings()

    /// The name of the control API in routes.
    package static let upstreamName = "control"
    /// The path that it listens at, no longer than ``SocketAddress/maxPath``.
    package var socket: String { path(besideFile: ".sock", inFolder: "control.sock") }
    /// The key that says where the socket is.
    package var socketKey: String {
        switch database {
        case .file: "control.database"
        case .server: "control.state_folder"
        }
    }
    /// The key file in effect.
    package var tokenKeyPath: String { tokenKeyFile ?? path(besideFile: ".key", inFolder: "token.key") }
    /// The key file in effect.
    package var companyKeyPath: String {
        companyKeyFile ?? path(besideFile: ".companies.key", inFolder: "companies.key")
    }

    private func path(besideFile suffix: String, inFolder name: String) -> String {
        switch database {
        case .file(let path): path + suffix
        case .server: stateFolder + (stateFolder.hasSuffix("/") ? "" : "/") + name
        }
    }

    /// The control API from the data plane's point of view.
    package var upstream: UpstreamSettings {
        let server = UpstreamServerSettings(isSecure: false, address: .unix(path: socket))
        return UpstreamSettings(name: Self.upstreamName, servers: [server])
    }
}

/// How long the directory keeps ended and removed data.
package struct RetentionSettings: Sendable, Equatable {
    package var stays = Duration.seconds(400 * 86_400)
    /// For registrations and events, counted from their removal.
    package var removed = Duration.seconds(30 * 86_400)
    /// For webhook messages that did not arrive.
    package var webhooks = Duration.seconds(7 * 86_400)
}
