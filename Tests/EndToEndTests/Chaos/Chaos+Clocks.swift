import Foundation
import Testing

extension Chaos {
    static let clocks = [
        // Valid for half an hour.
        clock("the clock leaps an hour ahead", by: "+1h", "token_expired") {
            Minter.acme.token(Minter.Viewer(expires: Minter.now + 1800))
        },
        clock("the clock goes back by an hour", by: "-1h", "token_not_yet_valid") {
            Minter.acme.token(Minter.Viewer(notBefore: Minter.now - 10))
        },
    ]

    /// Tokens are judged by the clock as it is. Whoever is there with a token that is still valid stays, and of two
    /// sessions the one that joined last, by whatever clock. What a directory makes of jumps is in ClockTrustTests.
    private static func clock(
        _ name: String,
        by change: String,
        _ refusal: String,
        _ token: @escaping @Sendable () -> String
    ) -> Chaos {
        Chaos(
            name: name,
            path: "/event/e1/chaos",
            client: "401 \(refusal)",
            log: "status=401 verdict=refuse refusal=\(refusal)",
            metrics: [
                "refusals code=\(refusal)": 1, "refusals code=session_replaced": 2, "requests_cut by=session": 1,
            ],
            adjust: { $0.launch = Gateway.clockLaunch },
            scripts: ["/event/e1/ws": { try WebSocket.serveEcho($0) }],
            act: { chaos in
                let bearer = "Authorization: Bearer \(token())"
                let viewer = Minter.Viewer(registration: "r1", expires: Minter.now + 14_400)
                let link = "/event/e1?token=\(Minter.acme.token(viewer))"
                let (first, second) = (Browser(chaos.site), Browser(chaos.site, host: 2))
                #expect(try first.open(link).status == 200)
                let socket = try Client(port: chaos.port)
                #expect(try socket.openWebSocket("/event/e1/ws", first.cookieField).status == 101)
                #expect(try fetch(chaos.port, "/event/e1/before", [bearer]).status == 200)

                try chaos.gateway.setClock(change)
                let answer = try chaos.request(fields: [bearer])
                #expect(try first.fetch("/event/e1/poll").status == 200)
                #expect(try socket.echo("hello") == "hello")
                #expect(try second.open(link).status == 200)
                #expect(socket.remainder(within: 20) != nil)
                try expectProblem(try first.fetch("/event/e1/poll"), 409, "session_replaced")

                try chaos.gateway.setClock("+0")
                #expect(try fetch(chaos.port, "/event/e1/after", [bearer]).status == 200)
                #expect(try second.fetch("/event/e1/poll").status == 200)
                return answer
            }
        )
    }
}

extension Gateway {
    /// Debian's library that tells a process another time than the kernel's.
    #if arch(arm64)
        static let clockLibrary = "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"
    #else
        static let clockLibrary = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
    #endif

    /// Starts the program with a wall clock that a test can set. Its monotonic clock is the kernel's.
    ///
    /// The library changes the environment, after which Swift would not find its arguments. So another shell comes first,
    /// from which the program inherits the changed environment.
    static let clockLaunch = [
        "/bin/sh", "-c",
        """
        export LD_PRELOAD=\(clockLibrary) DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1
        export FAKETIME_TIMESTAMP_FILE="${2%/*}/clock"
        exec /bin/sh -c 'rm -f /dev/shm/*faketime_*_$$; exec "$0" "$@"' "$0" "$@"
        """,
    ]

    /// - Parameter offset: from the kernel's clock: `+1h`, `-1h`.
    func setClock(_ offset: String) throws {
        // At once, as the program reads it all the time.
        try Data(offset.utf8).write(to: URL(fileURLWithPath: directory["clock"]), options: .atomic)
    }
}
