import Basics

/// A time on a page: in UTC, until the page's script puts it into the viewer's time zone and language.
enum LocalTime {
    static func html(_ moment: Milliseconds) -> String {
        let text = Timestamp.text(moment)
        return """
            <time class="at" datetime="\(text)">\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC</time>
            """
    }

    /// Writes the times as people do who speak the page's language where the viewer is. Stands behind them.
    static let script = """
        (()=>{const page=document.documentElement.lang,\
        own=navigator.languages.find(one=>one.split("-")[0]===page.split("-")[0])||page,\
        words=new Intl.DateTimeFormat(own,{weekday:"long",day:"numeric",month:"long",year:"numeric",\
        hour:"numeric",minute:"2-digit",timeZoneName:"short"});\
        for(const time of document.querySelectorAll("time.at"))time.textContent=words.format(new Date(time.dateTime))})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
