import Testing

extension EndToEnd {
    @Suite(
        "A call whose path the gateway refuses gets the API's form of answer, which says what is wrong with the path"
    )
    struct RefusedPathTests {
        static let segments = [
            ("a%2Fb", "an encoded slash"), ("a%5Cb", "a backslash"), ("a\\b", "a backslash"),
            ("a%00b", "a control character"), ("%0D%0A", "a control character"), ("..", "a segment of dots"),
            ("%2e%2E", "a segment of dots"), (".", "a segment of dots"), ("..;a", "a segment of dots"),
            ("%252F", "a percent sign"), ("100%", "a percent sign"), ("%c0%af", "text that is not UTF-8"),
        ]

        private static let site = Result { try Site { $0.control = "" } }

        @Test("The answer names what a path cannot contain, and that such names go into the body", arguments: segments)
        func named(segment: String, what: String) throws {
            let site = try Self.site.get()
            let target = "/api/v1/event/6f1f9d3e-0000-4000-8000-000000000000/presenter/\(segment)?a=%2F"
            let response = try fetch(site.port, target, method: "DELETE")
            #expect(response.status == 400)
            #expect(response["Content-Type"] == "application/problem+json")
            let fault = try response.json()
            #expect(fault["status"] == 400 && fault["title"] == "Bad Request" && fault["type"] == "about:blank")
            #expect(fault["hasError"] == true && fault["code"] == "bad_request")
            let message = fault["errorMessage"]?.text ?? ""
            #expect(message.contains("holds \(what)") && message.contains("in its body"), "\(message)")
            #expect(fault["detail"]?.text == message)
            #expect(fault["requestId"]?.text == response["X-Request-Id"] || response["X-Request-Id"] == nil)
        }

        @Test("Outside the API nothing of this is said")
        func elsewhere() throws {
            let site = try Self.site.get()
            for target in ["/event/e1/a%2Fb", "/apix/a%2Fb", "/api%2Fb"] {
                let fault = try fetch(site.port, target).json()
                #expect(fault["status"] == 400 && fault["hasError"] == nil && fault["errorMessage"] == nil)
            }
        }

        @Test("A body larger than the gateway accepts is refused with the API's members too")
        func tooLarge() throws {
            let site = try Site {
                $0.control = ""
                $0.limits = "body_size = \"1KiB\""
            }
            let body = [UInt8](repeating: 0x20, count: 2048)
            let response = try fetch(site.port, "/api/v1/event/create", method: "POST", body: body)
            #expect(response.status == 413)
            let fault = try response.json()
            #expect(
                fault["hasError"] == true && fault["status"] == 413 && fault["errorMessage"]?.text?.isEmpty == false
            )
        }
    }
}
