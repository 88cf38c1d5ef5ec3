import Basics

/// What a page says of the event that it is about: its name, and when it begins.
struct EventNote {
    var name: String
    /// `nil` if the event has no dates.
    var startsAt: Milliseconds?

    var html: String {
        let name = "<strong dir=\"auto\">\(Markup.escaped(name))</strong>"
        guard let startsAt else { return "<p class=\"event\">\(name)</p>\n" }
        return "<p class=\"event\">\(name)<br>\(LocalTime.html(startsAt))</p>\n"
    }
}
