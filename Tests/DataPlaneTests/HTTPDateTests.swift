import Testing

@testable import DataPlane

@Suite("HTTP dates")
struct HTTPDateTests {
    @Test("The example of RFC 9110 section 5.6.7 is written as it stands there")
    func example() {
        #expect(String(decoding: HTTPDate.format(784_111_777), as: UTF8.self) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }
}
