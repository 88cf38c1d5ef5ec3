import Basics
import DataPlane

extension Overview {
    /// What is wrong at this moment, the gravest first, by the key under which a page finds it. The text of what is not is
    /// empty, so that every page has a place for it.
    ///
    /// Moments instead of ages, so that a text changes only if what it says does.
    var alarms: [(key: String, text: String)] {
        var alarms: [(key: String, text: String)] = []
        func alarm(_ key: String, _ isOn: Bool, _ text: @autoclosure () -> String) {
            alarms.append(("alarm.\(key)", isOn ? text() : ""))
        }
        alarm("draining", vitals.isDraining, "Draining: this process stops, and takes no new connections")
        alarm("ready", !vitals.isDraining && !vitals.isReady, "No healthy upstream: viewers get errors")
        for (number, upstream) in vitals.upstreams.enumerated() {
            let isLost = !upstream.servers.isEmpty && upstream.servers.allSatisfy { $0.state != .up }
            alarm("upstream.\(number)", isLost, "Upstream \(OutsideText.plain(upstream.name)): no server is left")
        }
        for (number, upstream) in vitals.upstreams.enumerated() {
            for (index, server) in upstream.servers.enumerated() {
                alarm("server.\(number).\(index)", server.state == .down, Self.text(server, of: upstream))
            }
        }
        alarm("database", vitals.databaseFault != nil, "Database: \(vitals.databaseFault ?? "")")
        let reloads = vitals.reloads
        alarm(
            "reload",
            !reloads.hasSucceeded,
            "The last reload of the configuration failed\(Self.since(reloads.failedAt, " at ")): the page Configuration says why"
        )
        let files = vitals.unusableFiles.count
        alarm(
            "files",
            files > 0,
            "\(files == 1 ? "A file has" : "\(files) files have") changed and cannot be used: the page Configuration says why"
        )
        return alarms
    }

    private static func text(_ server: Vitals.ServerEntry, of upstream: Vitals.UpstreamEntry) -> String {
        let reason = server.reason.isEmpty ? "" : ": " + OutsideText.plain(server.reason, limit: OutsideText.long)
        let names = "\(OutsideText.plain(upstream.name)): \(OutsideText.plain(server.name))"
        return "\(names) is down\(since(server.downSince, " since "))\(reason)"
    }

    private static func since(_ moment: Milliseconds?, _ word: String) -> String {
        moment.map { "\(word)\(Timestamp.text($0).prefix(19).replacing("T", with: " ")) UTC" } ?? ""
    }

    /// What of the configuration is in effect, in a few words.
    var configurationState: String {
        if !vitals.reloads.hasSucceeded { return "reload failed" }
        if vitals.unusableFiles.count > 0 { return "unusable files" }
        return vitals.reloads.waiting.isEmpty ? "in effect" : "waits for a start"
    }

    /// How the database is, in a few words.
    var databaseState: String {
        guard vitals.hasDatabase else { return "none" }
        return vitals.databaseFault == nil ? "in use" : "failing"
    }
}
