/// A link to try, and what to expect of it.
struct DemoLink: Sendable {
    let title: String
    let address: String
    let expectation: String

    /// All of them for a terminal.
    ///
    /// - Parameter index: the address of the page that has them too.
    static func text(_ links: [DemoLink], index: String) -> String {
        var text = "\nEmbed Gateway demo. All links as a page: \(index)/\n\n"
        for link in links { text += "\(link.title). \(link.expectation)\n  \(link.address)\n\n" }
        return text + "Below: one line for each request. Ctrl-C ends the demo.\n"
    }
}
