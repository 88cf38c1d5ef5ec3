/// What pages say besides a topic's heading and advice: buttons, notes and times. The raw value is its key in a file of
/// texts.
enum Label: String, CaseIterable, Sendable {
    case useHere = "use_here"
    case tryAgain = "try_again"
    /// Asks the embedding page for a new link.
    case comeBack = "come_back"
    case goBack = "go_back"
    case openInTab = "open_in_tab"
    case allow
    case home
    case contact

    /// The browser did not grant what ``allow`` asked for.
    case notAllowed = "not_allowed"
    /// The page has been open for so long that its links no longer work.
    case late
    case activeFor = "active_for"
    case freeIn = "free_in"
    case opensIn = "opens_in"
    /// For a link whose time has not come.
    case validIn = "valid_in"
    /// For one who was removed for a time.
    case returnsIn = "returns_in"
    case retriesIn = "retries_in"
    /// Instead of ``retriesIn`` where nothing happens by itself, such as after a form.
    case tryLater = "try_later"

    /// Instead of a time of less than a second.
    case moment
    case seconds
    case underAMinute = "under_a_minute"
    case aMinute = "a_minute"
    case minutes
    case anHour = "an_hour"
    case hours
    case days
    case daysAndHours = "days_and_hours"

    /// What stands for something else in the text, in braces.
    var placeholders: [String] {
        switch self {
        case .useHere, .tryAgain, .comeBack, .goBack, .openInTab, .allow, .notAllowed, .late, .tryLater, .moment,
            .underAMinute, .aMinute, .anHour:
            []
        case .home, .contact: ["name"]
        case .activeFor, .freeIn, .opensIn, .validIn, .returnsIn, .retriesIn: ["time"]
        case .seconds, .minutes, .hours, .days: ["count"]
        case .daysAndHours: ["days", "hours"]
        }
    }
}
