/// What pages say besides a topic's heading and advice: buttons, notes and times.
enum Label: String, CaseIterable, Sendable {
    case useHere
    case tryAgain
    case goBack
    case openInTab
    case allow
    case home
    case contact

    /// The browser did not grant what ``allow`` asked for.
    case notAllowed
    /// The page has been open for so long that its links no longer work.
    case late
    case activeFor
    case freeIn
    case opensIn
    case retriesIn

    /// Instead of a time of less than a second.
    case moment
    case seconds
    case underAMinute
    case aMinute
    case minutes
    case anHour
    case hours
    case days
    case daysAndHours

    /// What stands for something else in the text, in braces.
    var placeholders: [String] {
        switch self {
        case .useHere, .tryAgain, .goBack, .openInTab, .allow, .notAllowed, .late, .moment, .underAMinute, .aMinute,
            .anHour:
            []
        case .home, .contact: ["name"]
        case .activeFor, .freeIn, .opensIn, .retriesIn: ["time"]
        case .seconds, .minutes, .hours, .days: ["count"]
        case .daysAndHours: ["days", "hours"]
        }
    }
}
