import Admission
import Basics

/// Asks how to remove a viewer, and until when.
struct RemovalForm {
    let session: LiveSession
    let visitor: Visitor

    /// What to do with a session and its viewer.
    enum Choice: Sendable, Equatable {
        /// End the session. The viewer may join again.
        case session
        /// Keep the viewer out of the event, until a moment or for good.
        case viewer(until: Milliseconds?)

        /// - Throws: what is wrong with the form, worded for the operator.
        init(_ form: Form, at now: Milliseconds) throws(ConsoleFault) {
            let how = form["how"].map { ExactText($0) }
            guard how == "until" || form["until"] == nil else {
                throw ConsoleFault("The date and time counts only with its choice: choose that, or clear the field.")
            }
            switch how {
            case "session": self = .session
            case "hour": self = .viewer(until: now + 3_600_000)
            case "day": self = .viewer(until: now + 86_400_000)
            case "good": self = .viewer(until: nil)
            case "until":
                // As a browser's field for dates and times writes it, with or without seconds.
                let text = form["until"] ?? ""
                guard let until = RFC3339.parse(text + "Z") ?? RFC3339.parse(text + ":00Z"), until > now else {
                    throw ConsoleFault("Say until when: a date and time in the future, in UTC.")
                }
                self = .viewer(until: until)
            default: throw ConsoleFault("Choose what to do.")
            }
        }
    }

    static let path = "/console/sessions/remove"

    static func path(_ session: String) -> String { path + Form.query([("session", session)]) }

    /// Whom a removal names: the registration if there is one, or else the user.
    static func person(_ session: LiveSession) -> RemovedPerson {
        session.viewer.registration.map { RemovedPerson(.registration, $0) }
            ?? RemovedPerson(.user, session.viewer.userID)
    }

    var html: HTML {
        let viewer = session.viewer
        func row(_ name: String, _ text: String?) -> HTML {
            text.map { "<dt>\(name)</dt><dd>\(OutsideText.html($0, limit: OutsideText.long))</dd>\n" } ?? ""
        }
        func choice(_ value: String, _ text: HTML, isChosen: Bool = false) -> HTML {
            "<label class=\"choice\"><input type=\"radio\" name=\"how\" value=\"\(value)\" required\(isChosen ? " checked" : "")> \(text)</label>\n"
        }
        // A removal is from an event.
        let choices: [HTML] =
            session.event.isEmpty
            ? [choice("session", "End this session. The viewer may join again.", isChosen: true)]
            : [
                choice("session", "End this session. The viewer may join again."),
                choice("hour", "Keep the viewer out of the event for an hour", isChosen: true),
                choice("day", "Keep the viewer out of the event for a day"),
                choice("good", "Keep the viewer out of the event for good"),
                choice("until", "Keep the viewer out of the event until the date and time below"),
            ]
        let until: HTML =
            session.event.isEmpty
            ? "" : "<p><label>Until, in UTC <input type=\"datetime-local\" name=\"until\"></label></p>\n"
        let form: HTML =
            visitor.mayAct
            ? """
            <form method="post" action="\(Self.path)">\(Page.key(visitor))
            <input type="hidden" name="session" value="\(session.name)">
            <fieldset><legend>What to do</legend>
            \(choices)</fieldset>
            \(until)<label>Reason, shown to the company only <input name="reason" maxlength="200"></label>
            <p><button class="main danger">Remove</button> <a class="button" href="\(Page.Place.sessions.path)">Cancel</a></p>
            </form>

            """ : ""
        return """
            <dl class="facts">
            \(row("Name", viewer.name))\(row("E-mail", viewer.email))\(row("User", viewer.userID))\
            \(row("Registration", viewer.registration))\(row("Event", session.event))\(row("Company", session.company))\
            \(row("Session", session.name))<dt>Joined</dt><dd>\(HTML.moment(session.id.joinedAt)) UTC</dd>
            </dl>
            \(form)
            """
    }
}

/// Why something is not done, worded for the operator.
struct ConsoleFault: Error {
    let text: String
    let status: Int
    /// The page to go back to; `nil` for the overview.
    let back: String?

    init(_ text: String, status: Int = 400, back: String? = nil) {
        (self.text, self.status, self.back) = (text, status, back)
    }
}
