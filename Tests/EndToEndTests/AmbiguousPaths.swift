/// Paths in spellings that some upstream reads as another path.
enum AmbiguousPaths {
    static let all =
        dotSegments.map { "/event/e1/\($0)/e2" } + dotSegments.map { "/event/e1/\($0)" }
        + ["/event/./e1", "/./event/e1", "/../event/e1", "/%2e%2e/event/e1", "/event/e1/."]
        + separators.map { "/event/e1\($0)x" } + separators.map { "/event\($0)e2" }
        + controls.map { "/event/e1/a\($0)b" } + broken.map { "/event/e1/\($0)" } + lookAlikes

    private static let dotSegments = [
        "..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%2E.", "..%5c", "..\\", "\\..", "%5c..", "%5C%2e%2e", "..;",
        "..;a=b",
        "%2e%2e;", ".;", "%2e;x", "%252e%252e", "%252E.", "..%00", "..%2f", "%2f..", "..%3b", "..%3B/",
    ]

    /// Segments that some upstream folds, trims or decodes once more into an event's path.
    private static let lookAlikes = [
        "/event%20/e2", "/event./e2", "/%C3%A9vent/e2", "/%EF%BD%85vent/e2", "/ev%E2%80%8Bent/e2", "/event%3Fx/e2",
        "/%20/event/e2", "/EVENT/e2", "/event/e2.", "/event/e1%20", "/event/e1%3Fx",
    ]

    private static let separators = ["%2f", "%2F", "%5c", "%5C", "\\", "%252f", "%252F", "%255c"]

    private static let controls = [
        "%00", "%0a", "%0d", "%0D%0A", "%09", "%1f", "%7f", "%7F",
    ]

    private static let broken = ["%", "%2", "%zz", "%u002f", "%c0%ae%c0%ae", "%c0%af", "%e0%80%af"]

    /// Odd but unambiguous.
    static let harmless = [
        "/event/e1/...", "/event/e1/..a", "/event/e1/a..", "/event/e1/.hidden", "/event/e1/a.b", "/event/e1/%7Euser",
        "/event/e1/%C3%A4", "/event/e1/%E6%9D%B1", "/event/e1/a%20b", "/event/e1/a+b", "/event/e1/a;v=1",
        "/event/e1/a:b@c",
        "/caf%C3%A9/x", "/%E3%82%A4%E3%83%99%E3%83%B3%E3%83%88/e2", "/my%20files/a.", "/event.json/x",
        "/event/e1/!$&'()*,=", "/event/e1/a%25b", "/event/e1/x/", "/event/e1/%41",
    ]
}
