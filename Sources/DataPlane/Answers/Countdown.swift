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
        <p>It opens in <span id="left" role="timer" data-left="\(seconds)">\(Self.text(seconds))</span>. \
        This page goes on by itself then.</p>
        <script>\(Self.script)</script>
        """
    }

    /// The time in words for a browser without scripts, in the same units.
    static func text(_ seconds: Int64) -> String {
        guard seconds >= daysFrom else { return RefusalPage.duration(seconds) }
        let hours = seconds / 3600 % 24
        return "\(seconds / 86_400) days" + (hours == 0 ? "" : " and \(hours) \(hours == 1 ? "hour" : "hours")")
    }

    /// From this many seconds on, days and hours are shown instead of the time of a clock.
    private static let daysFrom: Int64 = 172_800

    /// Counts down by the clock. Reloads the page if the browser slept past the time.
    private static let script = """
        (()=>{const left=document.getElementById("left"),end=Date.now()+1000*left.dataset.left,\
        two=n=>String(n).padStart(2,"0");\
        const show=()=>{const s=Math.ceil((end-Date.now())/1000);\
        if(s<-5){location.reload();return}\
        const h=Math.floor(s/3600)%24;\
        left.textContent=s<1?"a moment":s<\(daysFrom)?Math.floor(s/3600)+":"+two(Math.floor(s/60)%60)+":"+two(s%60):\
        Math.floor(s/86400)+" days"+(h?" and "+h+(h<2?" hour":" hours"):"")};\
        setInterval(show,1000);document.addEventListener("visibilitychange",show);show()})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
