import Basics
import Testing

@testable import DataPlane

@Suite("What a service worker says about a request")
struct WorkerRequestTests {
    private func read(_ text: String) -> [String?] {
        let bytes = Array(text.utf8)
        let value = bytes.span
        let asked = WorkerRequest(value)
        func part(_ range: Range<Int>?) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }
        return [part(asked.destination), part(asked.mode), part(asked.site), part(asked.referrer)]
    }

    @Test("Its words and the path of the page are read, in any order, the path last")
    func reads() {
        let all = ["iframe", "navigate", "same-origin", "/event/e1/a,b=c"]
        #expect(read("dest=iframe, mode=navigate, site=same-origin, from=/event/e1/a,b=c") == all)
        #expect(read("site=same-origin,mode=navigate ,  dest= iframe,from=/event/e1/a,b=c") == all)
        #expect(read("mode=no-cors, from=") == [nil, "no-cors", nil, nil])
        #expect(read("later=x, mode=cors, from=/, dest=image") == [nil, "cors", nil, nil])
    }

    @Test(
        "Attack: what must not stand in a field of the upstream's request is ignored",
        arguments: [
            "", "=", ",", "=,=,=", "mode", "mode=", "mode=Navigate", "mode=a b", "mode=a\tb", "mode=\u{e9}",
            "dest=abcdefghijklmnopqrstuvwxyz", "site=\"x\"", "from=x", "from=https://evil.example/", "from=/a b",
            "from=/a?token=secret", "from=/\u{e9}", "from=/a\r\nX: y", " from =", "dest=x\r\nX: y",
        ]
    )
    func ignores(text: String) {
        #expect(read(text) == [nil, nil, nil, nil])
    }

    @Test("Every field that begins with Gateway- is one of ours, however it is spelled, and no other")
    func fields() {
        func isOurs(_ name: String) -> Bool {
            let bytes = Array(name.utf8)
            return GatewayFields.contain(bytes.span, 0..<bytes.count)
        }
        for name in ["gateway-location", "Gateway-Session", "GATEWAY_WORKER", "gateway.event", "Gateway-"] {
            #expect(isOurs(name), "\(name)")
        }
        for name in ["gateway", "Gatewayish", "X-Gateway-Role", "gatewa-", "g", "gateway1-x"] {
            #expect(!isOurs(name), "\(name)")
        }
    }
}
