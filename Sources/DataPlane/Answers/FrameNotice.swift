import Admission

/// Tells the page that embeds a refusal's page what the viewer is told: see ``SessionScript``.
struct FrameNotice {
    let refusal: Refusal
    /// The event that the viewer wanted, if it is known.
    let event: String?
    /// The company's, as in `embed_origins`.
    let origins: [String]

    var html: String {
        let values = [
            ("origins", origins.joined(separator: " ")), ("state", SessionState(refusal).rawValue),
            ("code", refusal.code), ("event", event ?? ""),
        ]
        let data = values.map { " data-\($0)=\"\(RefusalPage.escaped($1))\"" }.joined()
        return "<script\(data)>\(Self.script)</script>"
    }

    private static let script = """
        (() => {
        const data = document.currentScript.dataset;
        \(ParentPage.script)
        origins = data.origins.split(" ");
        news = {
          event: data.event || null, state: data.state, code: data.code, role: null, listedAs: null, expiresAt: null,
        };
        tell(news);
        })()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
