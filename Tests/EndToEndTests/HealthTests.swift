import Testing

extension EndToEnd {
    @Suite("Health and readiness")
    struct HealthTests {
        @Test("The gateway says that it serves")
        func health() throws {
            let site = try Site()
            #expect(try fetch(site.port, "/.gateway/healthz").status == 200)
        }
    }
}
