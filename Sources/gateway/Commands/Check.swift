import ArgumentParser
import DataPlane
import Directory
import GatewayConfiguration

/// `gateway check gateway.conf`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say everything that is wrong with a configuration; exit status 1 if anything is."
    )

    @Argument(help: "The configuration file.")
    var config: String

    @Flag(help: "Print the settings in effect, defaults included. Secrets show as the files that they are read from.")
    var print = false

    func run() throws {
        let settings = try ConfigurationFile(path: config).loadOrExit()
        var problems = ListenTrial.problems(in: settings) + StateFiles.problems(for: settings)
        if settings.control.enabled, problems.allSatisfy({ !$0.hasPrefix("control.database") }) {
            problems += Directory.problems(in: settings.control.database).map { "control.database: \($0)" }
        }
        guard problems.isEmpty else {
            for problem in problems { StandardError.line("\(config): \(problem)") }
            throw ExitCode(1)
        }
        for fault in settings.certificateFaults(at: WallClock.seconds()) {
            StandardError.line("\(config): error: \(fault)")
        }
        for remark in settings.remarks + ConfigurationFile(path: config).openSecrets(settings) {
            StandardError.line("\(config): warning: \(remark)")
        }
        if self.print {
            Swift.print(settings.printed(), terminator: "")
        } else {
            Swift.print("\(config): ok")
        }
    }
}
