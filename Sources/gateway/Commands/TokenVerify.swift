import ArgumentParser
import Basics
import GatewayConfiguration
import JOSE

/// `gateway token verify --jwks FILE TOKEN`
struct TokenVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check tokens against a key set: prints accept, or reject and a code, for each.",
        discussion: "Exit status 1 if any was rejected."
    )

    @Option(help: ArgumentHelp("A JSON Web Key Set.", valueName: "file"))
    var jwks: String

    @Option(help: "Accept these algorithms only, separated by commas.")
    var algorithms: String?

    @Flag(help: "Check only the form and the signature, not times, issuer and audience.")
    var signatureOnly = false

    @Option(help: "The required iss.")
    var issuer: String?

    @Option(help: "The required aud.")
    var audience: String?

    @Option(help: "How far apart clocks may be.")
    var leeway = "60s"

    @Option(help: ArgumentHelp("Longest token in bytes.", visibility: .hidden))
    var maxSize = 64 << 10

    @Argument(help: "The token; by default one per line from standard input.")
    var token: String?

    func run() throws {
        let keys = try chosenKeys()
        guard let leeway = try? Duration(parsing: leeway).components.seconds else {
            throw ValidationError("--leeway \(leeway) is not a duration; write it like 60s")
        }
        var isAnyRejected = false
        func verify(_ line: String) {
            do throws(TokenFault) {
                try check(Array(line.utf8), keys: keys, leeway: leeway)
                print("accept")
            } catch {
                isAnyRejected = true
                print("reject \(error.code)")
            }
        }
        if let token {
            verify(token)
        } else {
            while let line = readLine() { verify(line) }
        }
        if isAnyRejected { throw ExitCode(1) }
    }

    private func check(_ bytes: [UInt8], keys: [Key], leeway: Int64) throws(TokenFault) {
        let token = try Token(parsing: bytes.span, maxSize: maxSize)
        try token.verify(with: keys)
        if signatureOnly { return }
        if let issuer {
            guard try token.claims.string("iss").hasSameBytes(as: issuer) else { throw .issuer }
        }
        if let audience {
            guard try token.claims.hasAudience(audience) else { throw .audience }
        }
        try token.validity.check(now: WallClock.seconds(), leeway: leeway, requireExpiry: true)
    }

    private func chosenKeys() throws -> [Key] {
        let bytes: [UInt8]
        switch SystemFile.readToEnd(jwks, maxSize: 1 << 20) {
        case .success(let read): bytes = read
        case .failure(let fault): throw ValidationError("\(jwks): \(fault.words)")
        }
        let keys: [Key]
        do throws(KeyError) {
            keys = try Key.jwks(bytes)
        } catch {
            throw ValidationError("\(jwks): \(error)")
        }
        guard let algorithms else { return keys }
        let chosen = try algorithms.split(separator: ",").map { name in
            guard let algorithm = Algorithm(rawValue: String(name)) else {
                throw ValidationError(
                    "--algorithms: \(name) is none of \(Algorithm.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            return algorithm
        }
        return keys.filter { chosen.contains($0.algorithm) }
    }
}
