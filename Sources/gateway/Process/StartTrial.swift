import ArgumentParser
import DataPlane
import Directory
import GatewayConfiguration

/// What a start with a configuration would end at, found without starting: `check` and `run` say the same.
enum StartTrial {
    /// Says what is wrong and ends the process with status 1, if anything is.
    ///
    /// - Parameters:
    ///   - config: the configuration's file.
    ///   - isThorough: whether the whole database is looked through, which takes time.
    static func passOrExit(_ settings: Settings, from config: String, isThorough: Bool) throws {
        var problems = ListenTrial.problems(in: settings) + StateFiles.problems(for: settings)
        let database = settings.control.database
        if settings.control.enabled, problems.allSatisfy({ !$0.hasPrefix("control.database") }) {
            problems += Directory.problems(in: database, isThorough: isThorough).map { "control.database: \($0)" }
        }
        guard !problems.isEmpty else { return }
        for problem in problems { StandardError.line("\(config): \(problem)") }
        throw ExitCode(1)
    }
}
