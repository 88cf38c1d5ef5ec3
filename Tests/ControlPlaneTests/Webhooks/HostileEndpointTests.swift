import Directory
import NIOCore
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Endpoints that answer with what is no answer")
struct HostileEndpointTests {
    let fixture: DeliveryFixture

    init() throws { fixture = try DeliveryFixture() }

    /// How a test message to an endpoint went.
    private func test(_ endpoint: RawEndpoint) async throws -> WebhookTest {
        let directory = try fixture.openDirectory()
        let webhook = try await fixture.webhook(.eventCreated, "http://hook.example:\(endpoint.port)/", directory)
        // Much longer than the test may take: what is endless is not read until the time is over.
        let result = await (try fixture.delivery(directory, exchangeTime: .minutes(30))).test(webhook)
        await directory.close()
        return result
    }

    @Test(
        "Attack: an answer whose head never ends is not read further than its limit",
        .timeLimit(.minutes(5)),
        arguments: [
            ("", "HTTP/1.1 100 Continue\r\n\r\n"), ("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
            ("HTTP/1.1 200 ", "OK"), ("HTTP/1.1 200 OK\r\na: ", "b"), ("HTTP/1.1 200 OK\r\n", "a: b\r\n"),
            ("\r\n", "\r\n"),
        ]
    )
    func endlessHead(begin: String, more: String) async throws {
        let endpoint = try await RawEndpoint(begin, endlessly: String(repeating: more, count: 100))
        let result = try await test(endpoint)
        #expect(result.status == nil && result.error != nil)
    }

    @Test(
        "Attack: the framing of a body never ends; the status that came before it counts",
        .timeLimit(.minutes(5)),
        arguments: [("1;a=", "b"), ("", "0000"), ("0\r\n", "a: b\r\n"), ("1\r\na\r\n", "1\r\na\r\n")]
    )
    func endlessBody(begin: String, more: String) async throws {
        let head = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
        let endpoint = try await RawEndpoint(head + begin, endlessly: String(repeating: more, count: 100))
        let result = try await test(endpoint)
        #expect(result.status == 202 && result.error == nil)
    }

    @Test("A status below 100 is no status", arguments: ["000", "001", "099"])
    func noStatus(code: String) async throws {
        let result = try await test(RawEndpoint("HTTP/1.1 \(code) Strange\r\nContent-Length: 0\r\n\r\n"))
        #expect(result.status == nil && result.error != nil)
    }

    @Test("Every other status is told as it is", arguments: [200, 404, 599, 600, 999])
    func status(code: Int) async throws {
        let result = try await test(RawEndpoint("HTTP/1.1 \(code) Strange\r\nContent-Length: 0\r\n\r\n"))
        #expect(result.status == code && (result.error == nil) == (code == 200))
    }
}
