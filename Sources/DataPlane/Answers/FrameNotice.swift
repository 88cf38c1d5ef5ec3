import Basics

/// Tells the page that embeds one of the gateway's pages what the viewer is told, and asks it for a new link when the viewer
/// wants to come back: see ``SessionScript``.
struct FrameNotice {
    private let state: SessionState
    private let code: String
    private let event: String?
    private let opensAt: String?
    private let origins: [String]

    /// The page stays small.
    private static let maxOrigins = 50

    /// - Parameters:
    ///   - event: the one that the viewer wanted, if it is known.
    ///   - opensAt: when the event opens to the viewer.
    ///   - origins: the company's, as in `embed_origins`. Only pages of the first ones are told.
    init(_ state: SessionState, code: String, event: String?, opensAt: Milliseconds? = nil, origins: [String]) {
        (self.state, self.code, self.event) = (state, code, event)
        self.opensAt = opensAt.map { Timestamp.text($0) }
        self.origins = Array(origins.prefix(Self.maxOrigins))
    }

    /// Tells any page that a request of somebody unknown was refused.
    ///
    /// Whose page it is cannot be checked without revealing which companies there are. So it learns no more than from
    /// the status of the answer, which browsers let every page find out, and from what it has put into the address itself:
    /// nothing of a session, an event or a company.
    static func ofStranger(_ state: SessionState, code: String) -> FrameNotice {
        FrameNotice(state, code: code, event: nil, origins: ["*"])
    }

    /// The button to come back, which is there in frames only.
    static func button(_ wording: Wording) -> String {
        "<button id=\"return\" type=\"button\" hidden>\(Markup.escaped(wording[.comeBack]))</button>"
    }

    /// - Parameter hasButton: whether the page has ``button(_:)``.
    func html(hasButton: Bool) -> String {
        var values = [("origins", origins.joined(separator: " ")), ("state", state.rawValue), ("code", code)]
        if let event { values.append(("event", event)) }
        if let opensAt { values.append(("opens", opensAt)) }
        let data = values.map { " data-\($0)=\"\(Markup.escaped($1))\"" }.joined()
        return "<script\(data)>\(hasButton ? Self.scriptWithButton : Self.script)</script>"
    }

    /// A page that hides itself while it tries to do without the viewer tells nothing before it is shown.
    private static let telling = """
        (()=>{const data=document.currentScript.dataset,page=document.body;\
        \(ParentPage.script)\
        origins=data.origins.split(" ");\
        const say=()=>tell(news={event:data.event||null,state:data.state,code:data.code,role:null,listedAs:null,\
        expiresAt:null,opensAt:data.opens||null});\
        if(page.hidden)new MutationObserver(say).observe(page,{attributeFilter:["hidden"]});else say()
        """

    private static let script = telling + "})()"

    private static let scriptWithButton =
        telling + """
            ;const back=document.getElementById("return");\
            if(parent!==window){back.hidden=false;back.onclick=()=>tell({wants:"link",event:news.event})}})()
            """

    static func scriptHash(hasButton: Bool) -> String { hasButton ? hashWithButton : hash }

    private static let hash = RefusalPage.hash(of: script)
    private static let hashWithButton = RefusalPage.hash(of: scriptWithButton)
}
