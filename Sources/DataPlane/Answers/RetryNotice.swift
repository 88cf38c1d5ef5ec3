import Basics

/// The note on a page about a fault of ours, which tries again by itself and says when.
///
/// It waits twice as long after each try, a minute at most, and for a random time more, so that viewers do not all
/// come back at once. Before it reloads, it makes sure that the gateway answers: a browser's own error page would not
/// try again.
struct RetryNotice {
    /// Seconds until the first try.
    var first: Int64
    /// Seconds until a browser without scripts reloads the page. It cannot wait for longer each time.
    var withoutScripts: Int64

    /// - Parameters:
    ///   - first: in seconds.
    ///   - random: spreads the browsers without scripts.
    init(first: Int64, random: UInt64) {
        self.first = min(max(first, 1), 60)
        withoutScripts = 60 + Int64(random % 30)
    }

    /// For the head.
    var refresh: String {
        "<noscript><meta http-equiv=\"refresh\" content=\"\(withoutScripts)\"></noscript>\n"
    }

    func html(_ wording: Wording) -> String {
        let seconds = Markup.escaped(wording[.seconds])
        let moment = Markup.escaped(wording[.moment])
        let time = Markup.escaped(wording[.seconds, withoutScripts])
        let timer = """
            <span id="next" role="timer" data-first="\(first)" data-seconds="\(seconds)" \
            data-moment="\(moment)">\(time)</span>
            """
        let note = Markup.escaped(wording[.retriesIn]).replacing("{time}", with: timer)
        return "<p>\(note)</p>\n<script>\(Self.script)</script>"
    }

    /// Counts its tries in the tab, since a reload forgets everything else. Where the browser allows no such memory, it
    /// waits as long as after two tries.
    private static let script = """
        (()=>{const next=document.getElementById("next"),text=next.dataset,name="gateway-tries";let tries=2,at,busy;\
        try{const[count,time]=JSON.parse(sessionStorage.getItem(name)||"[0,0]");\
        tries=Date.now()-time<180000?Math.min(count|0,9):0}catch{}\
        const plan=()=>{at=Date.now()+1000*Math.min(text.first*2**tries,60)*(1+Math.random()/2);tries=Math.min(tries+1,9);\
        try{sessionStorage.setItem(name,JSON.stringify([tries,Date.now()]))}catch{}};\
        const go=async()=>{busy=true;try{await fetch("/.gateway/healthz",{mode:"no-cors",cache:"no-store",\
        signal:AbortSignal.timeout?.(10000)});location.reload()}catch{plan();busy=false}};\
        const show=()=>{if(busy)return;const left=Math.ceil((at-Date.now())/1000);\
        next.textContent=left<2?text.moment:text.seconds.replace("{count}",left);if(left<1)go()};\
        plan();show();setInterval(show,1000)})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
