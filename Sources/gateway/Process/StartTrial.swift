import ArgumentParser
import DataPlane
import Directory
import GatewayConfiguration

/// Finds, without starting, the problems that would stop a start with a configuration. `check` and `run` both use it.
enum StartTrial {
    /// Prints the problems and ends the process with status 1, if there are any.
    ///
    /// - Parameters:
    ///   - config: the configuration's file.
    ///   - isThorough: whether to check the whole database, which takes time.
    static func passOrExit(_ settings: Settings, from config: String, isThorough: Bool) throws {
        var problems = ListenTrial.problems(in: settings) + LogTrial.problems(in: settings.log)
        problems += StateFiles.problems(for: settings)
        let database = settings.control.database.text
        if settings.control.enabled, problems.allSatisfy({ !$0.hasPrefix("control.database") }) {
            let faults = Directory.problems(in: database, isThorough: isThorough)
            problems += faults.map { "control.database: \($0)" }
            // A server that does not answer is not asked again.
            if faults.isEmpty { problems += StateFiles.companyKeyProblems(for: settings) }
        }
        guard !problems.isEmpty else { return }
        for problem in ConfigurationFile(path: config).located(problems) { StandardError.line(problem) }
        throw ExitCode(1)
    }
}
