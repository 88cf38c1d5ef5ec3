import Basics
import Foundation
import TestSupport
import Testing

extension Chaos {
    static let resources = [fullLog, fullDatabase, noDescriptors, noMemory]

    private static let fullLog = Chaos(
        name: "the access log's disk is full",
        client: "200 GET /public/chaos 0",
        // It is lost.
        log: nil,
        message: "the access log cannot be written: No space left on device",
        metrics: [:],
        adjust: { $0.log = "access_output = \"/dev/full\"" },
        act: { chaos in
            let lost = "gateway_access_log_lines_dropped_total"
            let before = try chaos.gateway.metrics().value(lost)
            let answer = try chaos.request()
            #expect(try eventually { try chaos.gateway.metrics().value(lost) > before })
            return answer
        }
    )

    /// A limit of nothing on the size of files fails each write, as a full disk does. The log goes to pipes.
    private static let fullDatabase = Chaos(
        name: "the database's disk is full",
        path: "/api/v1/event/create",
        client: "503 try_again",
        log: "status=503",
        message: "the disk fails: see the system's log",
        metrics: ["database_commit_failures": 1],
        // Attendance is written twice a second.
        atLeast: ["database_commit_failures"],
        adjust: {
            $0.launch = ["/bin/bash", "-c", "exec \"$0\" \"$@\" > >(exec cat) 2> >(exec cat >&2)"]
            $0.control = ""
        },
        act: { chaos in
            let backend = try Backend.signedIn(chaos.site)
            let event = try backend.createEvent("before")
            try chaos.gateway.limit("fsize", to: "0")
            let answer = try backend.call("POST", "/event/create", backend.newEvent("lost"))
            #expect(answer["Retry-After"] == "30")
            #expect(try backend.call("POST", "/event/create", backend.newEvent("lost")).status == 503)
            #expect(try backend.call("GET", "/event/\(event)").status == 200)
            // Viewers need no disk.
            let token = Minter.acme.token(Minter.Viewer(event: event))
            #expect(try fetch(chaos.port, "/event/\(event)?token=\(token)").status == 200)
            try chaos.gateway.limit("fsize", to: "unlimited")
            // So that the call that failed has the last line.
            let body: JSONValue = ["name": "after"]
            #expect(try backend.call("PATCH", "/event/\(event)", body).status == 200)
            // It has taken writes for ten seconds, at least those that say that the gateway runs.
            #expect(eventually(within: 60) { chaos.gateway.log.contains("takes writes again") })
            for words in ["calls that change something get 503", "takes writes again"] {
                #expect(chaos.gateway.log.components(separatedBy: words).count == 2, "\(words)")
            }
            #expect(!chaos.gateway.log.contains("the control API failed"))
            return try ChaosSite.text(of: answer)
        }
    )

    private static let noDescriptors = Chaos(
        name: "no descriptor is left",
        client: "503 try_again",
        log: "status=503 verdict=refuse refusal=try_again fault=descriptors",
        metrics: ["upstream_faults fault=descriptors": 1, "refusals code=try_again": 1],
        act: { chaos in
            let client = try Client(port: chaos.port)
            #expect(try client.exchange("/.gateway/healthz").status == 200)
            try chaos.gateway.allowDescriptors(1)
            let answer = try client.exchange(chaos.path)
            // The upstream is not blamed.
            #expect(try client.exchange("/.gateway/readyz").status == 200)
            try chaos.gateway.allowDescriptors(1000)
            return try ChaosSite.text(of: answer)
        }
    )

    private static let noMemory = Chaos(
        name: "memory is short",
        client: "503 try_again",
        log: "status=503 verdict=refuse refusal=try_again fault=overload",
        message: "limits.memory_limit: requests without a session",
        metrics: ["requests_shed": 1, "refusals code=try_again": 1],
        act: { chaos in
            // No process is so small.
            try chaos.reload { $0.limits += "\nmemory_limit = \"1MiB\"" }
            #expect(try eventually { try chaos.isShortOfMemory() })
            let answer = try chaos.request()
            try chaos.reload()
            #expect(try eventually { try !chaos.isShortOfMemory() })
            return answer
        }
    )
}

extension ChaosSite {
    fileprivate func isShortOfMemory() throws -> Bool {
        try gateway.metrics().sum("gateway_overloaded_loops", ["lack": "memory"]) > 0
    }
}
