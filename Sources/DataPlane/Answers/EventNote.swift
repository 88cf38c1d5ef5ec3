import Basics

/// What a page says of the event that it is about: its name, and when it begins.
///
/// The page's script puts the time into the viewer's time zone and language. Without scripts it is in UTC.
struct EventNote {
    var name: String
    /// `nil` if the event has no dates.
    var startsAt: Milliseconds?

    var html: String {
        let name = "<strong dir=\"auto\">\(Markup.escaped(name))</strong>"
        guard let startsAt else { return "<p class=\"event\">\(name)</p>\n" }
        let moment = Timestamp.text(startsAt)
        let words = "\(moment.prefix(10)) \(moment.dropFirst(11).prefix(5)) UTC"
        return """
            <p class="event">\(name)<br><time id="start" datetime="\(moment)">\(words)</time></p>
            <script>\(Self.script)</script>

            """
    }

    /// Writes the time as people do who speak the page's language where the viewer is.
    private static let script = """
        (()=>{const start=document.getElementById("start"),page=document.documentElement.lang,\
        own=navigator.languages.find(one=>one.split("-")[0]===page.split("-")[0])||page;\
        start.textContent=new Intl.DateTimeFormat(own,{weekday:"long",day:"numeric",month:"long",year:"numeric",\
        hour:"numeric",minute:"2-digit",timeZoneName:"short"}).format(new Date(start.dateTime))})()
        """

    static let scriptHash = RefusalPage.hash(of: script)
}
