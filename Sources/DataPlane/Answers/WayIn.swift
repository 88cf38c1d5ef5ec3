import Basics

/// What the page offers a viewer whose browser blocks the cookie: open the event in its own tab, or ask the browser for
/// access.
struct WayIn {
    /// The event's address with a ticket.
    var place: String
    /// The ticket that the page's script exchanges for the next ones.
    var keep: String
    /// What the script tries before the viewer sees the page. `nil` if there is nothing to try.
    var silentWay: SilentWay?
    /// Whether the cookie did not come back from the own tab either.
    var isSecondTry: Bool
    /// Whether the page is in a tab and not in a frame, so that another tab would not help.
    var isTopLevel: Bool
    /// Whether the event is open in another tab already.
    var isElsewhere = false

    /// A service worker that holds the session instead of a cookie.
    struct SilentWay {
        /// The address of its script.
        var script: String
        /// The ticket that it exchanges for the session.
        var ticket: String
        /// The event's address without a ticket.
        var place: String
    }

    func html(_ wording: Wording) -> String {
        func text(_ label: Label) -> String { Markup.escaped(wording[label]) }
        let place = Markup.escaped(place)
        let silent =
            silentWay.map { way in
                " data-worker=\"\(way.script)\" data-join=\"\(way.ticket)\" data-place=\"\(Markup.escaped(way.place))\""
            } ?? ""
        let (target, name) =
            isTopLevel ? ("", text(.tryAgain)) : (" target=\"_blank\" rel=\"noopener\"", text(.openInTab))
        let more = isElsewhere ? silent + " data-elsewhere" : silent
        let showsHint = isSecondTry && !isTopLevel && !isElsewhere
        return """
            <div class="row"><a class="button" id="tab" href="\(place)"\(target) data-keep="\(keep)"\(more)>\(name)</a>
            <button class="quiet" id="allow" type="button" hidden>\(text(.allow))</button></div>
            <p id="hint" role="status"\(showsHint ? "" : " hidden")>\(text(.notAllowed))</p>
            <p id="late" role="status" hidden>\(text(.late))</p>
            <script>\(Self.script)</script>
            """
    }

    /// Tries the silent way, behind an empty page. Then keeps the link's ticket fresh, and asks for storage access when the
    /// viewer clicks: browsers grant it only in response to a click. Once the viewer is in another tab, asks for the page that
    /// says so.
    private static let script = """
        (()=>{const page=document,[tab,allow,hint,late]=["tab","allow","hint","late"].map(id=>page.getElementById(id)),\
        to=ticket=>tab.href.replace(/\(QueryMembers.ticketName)=[^&]*/,"\(QueryMembers.ticketName)="+ticket),\
        go=place=>location.replace(place),keepAddress=()=>history.replaceState(null,"",tab.href),\
        renew=async()=>{const answer=await fetch("/.gateway/ticket?\(QueryMembers.ticketName)="+tab.dataset.keep,\
        {method:"POST"});if(!answer.ok){late.hidden=answer.status==429;return}\
        const[next,keep,elsewhere]=(await answer.text()).split("\\n");\
        tab.href=to(next);tab.dataset.keep=keep;late.hidden=true;keepAddress();\
        if(elsewhere&&!("elsewhere"in tab.dataset))go(to(elsewhere))},\
        soon=()=>renew().catch(()=>{});keepAddress();setInterval(soon,4e4);\
        addEventListener("visibilitychange",()=>{if(!page.hidden)soon()});tab.onclick=()=>setTimeout(soon,500);\
        const{worker,join,place}=tab.dataset,workers=navigator.serviceWorker,\
        enter=async()=>{const entry=await workers.register(worker,{scope:"/"}),\
        ours=entry.installing||entry.waiting||entry.active,{port1,port2}=new MessageChannel();\
        return new Promise(done=>{port1.onmessage=({data})=>done(data);(ours.onstatechange=()=>{\
        if(ours.state=="redundant")done();if(ours.state!="activated")return;\
        ours.onstatechange=null;ours.postMessage({ticket:join,place},[port2])})()})};\
        if(worker&&workers){const{body}=page;body.hidden=true;\
        Promise.race([enter(),new Promise(done=>setTimeout(done,15e3))]).catch(()=>{})\
        .then(done=>{if(done)go(place);else body.hidden=false})}\
        if(page.requestStorageAccess&&self!==top){allow.hidden=false;\
        allow.onclick=()=>page.requestStorageAccess().then(()=>go(tab.href),\
        ()=>{hint.hidden=false;allow.hidden=true;tab.focus()})}})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
