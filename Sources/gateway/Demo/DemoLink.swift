/// A link to try, and what to expect from it.
struct DemoLink: Sendable {
    let title: String
    let address: String
    let expectation: String

    /// All links as text for a terminal.
    ///
    /// - Parameter index: the address of the page with the same links.
    static func text(_ links: [DemoLink], index: String) -> String {
        var text = "\nEmbed Gateway demo. All links as a page: \(index)/\n\n"
        for link in links { text += "\(link.title). \(link.expectation)\n  \(link.address)\n\n" }
        return text + "Below: one line for each request. Ctrl-C ends the demo.\n"
    }
}
