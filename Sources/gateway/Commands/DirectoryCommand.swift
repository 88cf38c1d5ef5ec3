import ArgumentParser
import Directory
import GatewayConfiguration

/// `gateway directory`: what can be done with a database while no gateway uses it.
struct DirectoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "directory",
        abstract: "Move the control API's database.",
        subcommands: [Copy.self]
    )

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy a directory into another database, such as from SQLite to PostgreSQL.",
            discussion: """
                Stop the gateway first. Everything is copied in one transaction; the source stays as it is. Then set \
                control.database to the new one. Keep control.company_key_file: it opens the secrets that were copied. \
                Other users see a password in a URI while this runs: name a password file in it (passfile=).
                """
        )

        @Argument(help: "The database to copy: the path of a file, or a postgres:// URI.")
        var from: String

        @Argument(help: "An empty database, likewise. A file is made.")
        var to: String

        /// Refuses what the configuration refuses, without repeating a password.
        func validate() throws {
            for (name, text) in [("from", from), ("to", to)] {
                do throws(ValueFault) {
                    _ = try DatabaseLocation(parsing: text)
                } catch {
                    throw ValidationError("<\(name)>: \(error)")
                }
            }
        }

        func run() async throws {
            do throws(DirectoryFault) {
                let copy = try DirectoryCopy(from: from, to: to)
                let result = Result { () throws(DirectoryFault) in
                    try copy.run { table, rows in if rows > 0 { print("\(table): \(rows)") } }
                }
                await copy.close()
                try result.get()
            } catch {
                StandardError.line(error.description)
                throw ExitCode(1)
            }
        }
    }
}
