/// A link to try, and what to expect from it.
struct DemoLink: Sendable {
    let title: String
    let address: String
    let expectation: String
}
