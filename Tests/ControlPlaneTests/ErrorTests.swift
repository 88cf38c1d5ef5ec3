import Basics
import Directory
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Errors have one form, and reveal no more than the caller may know")
struct ErrorTests {
    private static let json: HTTPFields = [.contentType: "application/json"]

    @Test("Unknown paths get 404, unknown methods 405 with Allow")
    func unknown() async throws {
        let service = try Service()
        for path in [
            "/", "/api", "/api/", "/api/v1/event", "/api/v1/event/create/", "/api/v1//create", "/api/v1/event/%zz",
        ] {
            let reply = await service.send(.get, path)
            #expect(reply.status == 404, "\(path)")
            #expect(reply.code == "no_such_call")
        }
        let reply = await service.send(.put, "/api/v1/event/9b2b2c5e-0000-4000-8000-000000000000")
        #expect(reply.status == 405)
        #expect(Set(reply.fields[.allow]?.split(separator: ", ") ?? []) == ["GET", "HEAD", "POST", "PATCH", "DELETE"])
    }

    @Test("A valid request id is kept, and a missing one is made")
    func requestIDs() async throws {
        let service = try Service()
        let name = HTTPField.Name("X-Request-Id")!
        let kept = await service.send(.get, "/api/v1/nothing", [name: "abc-123:x"])
        #expect(kept["requestId"] == "abc-123:x")
        #expect(kept.fields[name] == "abc-123:x")
        for bad in ["a b", "<script>", String(repeating: "a", count: 129)] {
            let made = await service.send(.get, "/api/v1/nothing", [name: bad])
            #expect(made["requestId"]?.text?.utf8.count == 32)
        }
    }

    @Test(
        "A path that no call has is not an id that there is not; the call that was probably meant is named",
        arguments: [
            ("/api/v1/events/create", "/api/v1/event/create"),
            ("/api/v1/event/create/", "/api/v1/event/create"), ("/api/v2/company/acme", "/api/v1/company/{companyId}"),
            ("/api/v1/event/secret-7/registrents", "/api/v1/event/{id}/registrants"),
            ("/api/event/secret-7/embedcode", "/api/v1/event/{id}/embedCode"),
            ("/api/api/v1/webhooks", "/api/v1/webhooks"),
            ("/api/v1/webhook/secret-7/test", "/api/v1/webhooks/{id}/test"),
            ("/api/oauth/tokens", "/api/oauth/token"), ("/api/v1/event/x/y/z", nil), ("/api/v1/health", nil),
            ("/", nil),
            ("/api/v1/event/secret-7/availableReplays", nil), ("/api//", nil), ("/api/v1/%00", nil),
        ] as [(String, String?)]
    )
    func mistaken(path: String, meant: String?) async throws {
        let service = try Service()
        let reply = await service.send(.post, path)
        #expect(reply.status == 404 && reply.code == "no_such_call", "\(reply.text)")
        #expect(reply.message?.contains("did you mean") == (meant != nil), "\(reply.text)")
        if let meant { #expect(reply.message?.hasSuffix("did you mean \(meant)?") == true, "\(reply.text)") }
        #expect(!reply.text.contains("secret-7"))
    }

    @Test("Attack: a path of any form costs little, and no hint repeats it")
    func hostilePaths() async throws {
        let service = try Service()
        for path in [
            "/api/v1/" + String(repeating: "a", count: 4000), String(repeating: "/a", count: 2000),
            "/api/v1/event/<script>/x", String(repeating: "/", count: 3000), "/api/v1/event/%ff/registrans",
        ] {
            let reply = await service.send(.get, path)
            #expect(reply.status == 404 && reply.bytes.count < 400, "\(path.prefix(40)) \(reply.text)")
        }
    }

    @Test(
        "JSON that cannot be read: where, by line and column, and as a problem of the body",
        arguments: [
            ("{", "line 1, column 2"), ("{\"name\": \"é\",\n  \"x\" 5}", "line 2, column 7"),
            ("{\"a\": tru}", "line 1, column 10"), ("{\"a\": 1,}", "line 1, column 9"), ("[1 2]", "line 1, column 4"),
            ("{\n\n\"é😀\": ;}", "line 3, column 7"), ("\u{FEFF}{", "line 1, column 2"),
        ]
    )
    func places(body: String, place: String) async throws {
        let service = try Service()
        var fields = Self.json
        fields[.authorization] = "Bearer \(try service.token())"
        let reply = await service.send(.post, "/api/v1/event/create", fields, body: Array(body.utf8))
        #expect(reply.status == 400 && reply.message?.hasSuffix("(\(place))") == true, "\(reply.text)")
        let problem = reply["problems"]?.list.first
        #expect(problem?["field"] == "" && problem?["message"]?.text == reply.message)
    }

    @Test("A byte order mark before a body is ignored")
    func byteOrderMark() async throws {
        let service = try Service()
        var fields = Self.json
        fields[.authorization] = "Bearer \(try service.token())"
        let body = [0xef, 0xbb, 0xbf] + newEvent().serialized()
        #expect(await service.send(.post, "/api/v1/event/create", fields, body: body).status == 200)
    }

    @Test(
        "Unreadable bodies are refused",
        arguments: [
            ("", 400), ("{", 400), ("[]", 400), ("\"x\"", 400), ("null", 400), (#"{"name":"a","name":"b"}"#, 400),
            (#"{"name":"\ud800"}"#, 400), (#"{"name":1e999}"#, 400), ("{\"name\":\"\u{0}\"}", 400),
            ("{\"a\":" + String(repeating: "[", count: 100) + String(repeating: "]", count: 100) + "}", 400),
            (#"{"name":"\#(String(repeating: "a", count: 256 << 10))"}"#, 413),
        ]
    )
    func bodies(body: String, status: Int) async throws {
        let service = try Service()
        var fields = Self.json
        fields[.authorization] = "Bearer \(try service.token())"
        let reply = await service.send(.post, "/api/v1/event/create", fields, body: Array(body.utf8))
        #expect(reply.status == status, "\(reply.text)")
        #expect(reply["hasError"] == true)
    }

    @Test("Bytes that are not UTF-8 are refused")
    func encoding() async throws {
        let service = try Service()
        var fields = Self.json
        fields[.authorization] = "Bearer \(try service.token())"
        let body = Array(#"{"name":""#.utf8) + [0xff, 0xfe] + Array(#""}"#.utf8)
        #expect(await service.send(.post, "/api/v1/event/create", fields, body: body).status == 400)
    }

    @Test(
        "Bodies of other types get 415; parameters of the right type are accepted",
        arguments: [
            ("application/json", 200), ("Application/JSON; charset=UTF-8", 200),
            ("application/json;charset=\"utf-8\"", 200), ("application/json; x=y", 200),
            ("application/json; charset=iso-8859-1", 415), ("text/plain", 415), ("application/xml", 415),
            ("application/x-www-form-urlencoded", 415), ("application/jsonx", 415), ("", 415),
        ]
    )
    func types(type: String, status: Int) async throws {
        let service = try Service()
        let fields: HTTPFields = [.authorization: "Bearer \(try service.token())", .contentType: type]
        let reply = await service.send(.post, "/api/v1/event/create", fields, body: newEvent().serialized())
        #expect(reply.status == status, "\(reply.text)")
    }

    @Test("A body on a GET is ignored")
    func bodyOnGet() async throws {
        let service = try Service()
        var fields = Self.json
        fields[.authorization] = "Bearer \(try service.token())"
        #expect(await service.send(.get, "/api/v1/company/acme", fields, body: Array("{nonsense".utf8)).status == 200)
    }

    @Test("An internal fault gets 500 without detail")
    func inner() async throws {
        let service = try Service()
        await service.directory.close()
        let reply = try await service.call(.get, "/company/acme")
        #expect(reply.status == 500)
        #expect(reply.code == "internal_error")
        #expect(!reply.text.lowercased().contains("sql"))
    }
}
