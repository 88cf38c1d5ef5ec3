import ArgumentParser
import Basics
import GatewayConfiguration

/// `gateway check gateway.conf`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Report all problems of a configuration; exit status 1 if there are any."
    )

    @Argument(help: "The configuration file.")
    var config: String

    @Flag(help: "Print the settings in effect, including defaults. Secrets appear as the paths of their files.")
    var print = false

    func run() throws {
        let settings = try ConfigurationFile(path: config).loadOrExit()
        try StartTrial.passOrExit(settings, from: config, isThorough: true)
        let now = WallClock.seconds()
        let faults = settings.certificateFaults(at: now)
        for fault in faults { StandardError.line("\(config): error: \(settings.naming(fault))") }
        for remark in settings.stapleRemarks(at: now) + settings.remarks
            + ConfigurationFile(path: config).openFiles(settings) + StateFiles.keySetRemarks(for: settings)
        {
            StandardError.line("\(config): warning: \(settings.naming(remark))")
        }
        if self.print {
            Swift.print(settings.printed(), terminator: "")
        } else {
            let errors = faults.count == 1 ? "1 error that stops" : "\(faults.count) errors that stop"
            Swift.print("\(config): ok" + (faults.isEmpty ? "" : ", with \(errors) neither start nor reload"))
        }
    }
}
