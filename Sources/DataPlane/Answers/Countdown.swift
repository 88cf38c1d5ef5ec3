import Basics

/// The countdown on the page of a viewer who is let in at a time that is known. Then the page reloads itself.
struct Countdown {
    /// In milliseconds.
    var left: Int64
    /// What it says, with `{time}` in it.
    var label = Label.opensIn
    /// When it ends, if the page shows that too.
    var moment: Milliseconds?

    /// Beyond ten years, the page names no time, in milliseconds.
    static let longest: Int64 = 10 * 366 * 86_400_000

    private var seconds: Int64 { max(1, (left + 999) / 1000) }

    /// Seconds until the browser reloads the page, for the `Refresh` field, which works without scripts.
    ///
    /// Spreads the viewers when the event opens, and reloads within five minutes in case the time was changed.
    func refreshTime(random: UInt64) -> Int64 { min(seconds + Int64(random % 4), 300) }

    func html(_ wording: Wording) -> String {
        func text(_ label: Label) -> String { Markup.escaped(wording[label]) }
        let timer = """
            <span id="left" role="timer" data-left="\(seconds)" data-moment="\(text(.moment))" \
            data-days="\(text(.days))" data-both="\(text(.daysAndHours))" data-hour="\(text(.anHour))" \
            data-hours="\(text(.hours))">\(Markup.escaped(Self.text(seconds, wording)))</span>
            """
        let note = text(label).replacing("{time}", with: timer)
        let moment = moment.map { "<br>\(LocalTime.html($0))" } ?? ""
        return "<p>\(note)\(moment)</p>\n<script>\(Self.script)</script>"
    }

    /// The time in words for a browser without scripts, in the same units.
    static func text(_ seconds: Int64, _ wording: Wording) -> String {
        seconds < daysFrom ? wording.duration(seconds) : wording.days(seconds)
    }

    /// From this many seconds on, days and hours are shown instead of the time of a clock.
    private static let daysFrom: Int64 = 172_800

    /// Counts down by the clock. Reloads the page if the browser slept past the time.
    private static let script = """
        (()=>{const left=document.getElementById("left"),text=left.dataset,end=Date.now()+1000*text.left,\
        two=n=>String(n).padStart(2,"0");\
        const show=()=>{const s=Math.ceil((end-Date.now())/1000);\
        if(s<-5){location.reload();return}\
        const h=Math.floor(s/3600)%24,days=text.days.replace("{count}",Math.floor(s/86400));\
        left.textContent=s<1?text.moment:s<\(daysFrom)?Math.floor(s/3600)+":"+two(Math.floor(s/60)%60)+":"+two(s%60):\
        h?text.both.replace("{days}",days).replace("{hours}",h<2?text.hour:text.hours.replace("{count}",h)):days};\
        setInterval(show,1000);document.addEventListener("visibilitychange",show);show()})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
