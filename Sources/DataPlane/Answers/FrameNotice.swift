import Admission
import Basics

/// Tells the page that embeds a refusal's page what the viewer is told, and asks it for a new link when the viewer wants to
/// come back: see ``SessionScript``.
struct FrameNotice {
    private let state: SessionState
    private let refusal: Refusal
    private let event: String?
    private let origins: [String]

    /// The page stays small.
    private static let maxOrigins = 50

    /// - Parameters:
    ///   - event: the one that the viewer wanted, if it is known.
    ///   - origins: the company's, as in `embed_origins`. Only pages of the first ones are told.
    init(_ state: SessionState, _ refusal: Refusal, event: String?, origins: [String]) {
        (self.state, self.refusal, self.event) = (state, refusal, event)
        self.origins = Array(origins.prefix(Self.maxOrigins))
    }

    /// The button for it, which is there in frames only.
    static func button(_ wording: Wording) -> String {
        "<button id=\"return\" type=\"button\" hidden>\(Markup.escaped(wording[.comeBack]))</button>"
    }

    var html: String {
        let values = [
            ("origins", origins.joined(separator: " ")), ("state", state.rawValue),
            ("code", refusal.code), ("event", event ?? ""),
        ]
        let data = values.map { " data-\($0)=\"\(Markup.escaped($1))\"" }.joined()
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
        const back = document.getElementById("return");
        if (back && parent !== window) {
          back.hidden = false;
          back.onclick = () => tell({ wants: "link", event: news.event });
        }
        })()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
