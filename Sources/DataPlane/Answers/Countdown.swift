import Basics

/// The countdown on the page of an event that is not open yet. The page reloads itself when the event opens.
struct Countdown {
    /// Milliseconds until the doors open.
    var left: Int64

    private var seconds: Int64 { max(1, (left + 999) / 1000) }

    /// Seconds until the browser reloads the page, for the `Refresh` field, which works without scripts.
    ///
    /// Spreads the viewers when the event opens, and reloads within five minutes in case the event was moved.
    func refreshTime(random: UInt64) -> Int64 { min(seconds + Int64(random % 4), 300) }

    var html: String {
        """
        <p>It opens in <span id="left" role="timer" data-left="\(seconds)">\(RefusalPage.duration(seconds))</span>. \
        This page goes on by itself then.</p>
        <script>\(Self.script)</script>
        """
    }

    /// Counts down by the clock. Reloads the page if the browser slept past the time.
    private static let script = """
        (()=>{const left=document.getElementById("left"),end=Date.now()+1000*left.dataset.left,\
        two=n=>String(n).padStart(2,"0");\
        const show=()=>{const s=Math.ceil((end-Date.now())/1000);\
        if(s<-5){location.reload();return}\
        left.textContent=s<1?"a moment":s<172800?Math.floor(s/3600)+":"+two(Math.floor(s/60)%60)+":"+two(s%60):\
        Math.floor(s/86400)+" days"};\
        setInterval(show,1000);document.addEventListener("visibilitychange",show);show()})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
