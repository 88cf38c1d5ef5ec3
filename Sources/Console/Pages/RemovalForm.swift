import Admission
import Basics

/// Asks how to remove a viewer, and until when.
struct RemovalForm {
    let session: LiveSession
    let visitor: Visitor

    /// What was filled in before; `nil` the first time.
    var filled: Form?
    /// What is wrong with that.
    var fault: ConsoleFault?

    /// What to do with a session and its viewer.
    enum Choice: Sendable, Equatable {
        /// End the session. The viewer may join again.
        case session
        /// Keep a person out of the event, until a moment or for good.
        case viewer(RemovedPerson, until: Milliseconds?)
    }

    /// What an operator wants.
    struct Wish: Sendable {
        let choice: Choice
        let reason: String?

        /// - Throws: what is wrong with the form, worded for the operator.
        init(_ form: Form, of session: LiveSession, at now: Milliseconds) throws(ConsoleFault) {
            reason = form["reason"]
            if let reason, reason.utf8.count > 800 || reason.unicodeScalars.contains(where: TerminalText.isActive) {
                throw ConsoleFault("Use a shorter reason, without control characters.", field: "reason")
            }
            let how = form["how"].map { ExactText($0) }
            guard how == "until" || form["until"] == nil else {
                throw ConsoleFault(
                    "The date and time counts only with its choice: choose that, or clear the field.",
                    field: "until"
                )
            }
            guard how != "session" else {
                choice = .session
                return
            }
            let until = try Self.end(how, form["until"], at: now)
            guard !session.event.isEmpty else { throw ConsoleFault("The session is in no event: end it instead.") }
            let whom = form["whom"].map { ExactText($0) }
            guard let person = RemovalForm.people(session).first(where: { ExactText($0.kind.rawValue) == whom }) else {
                throw ConsoleFault("Choose whom to keep out.", field: "whom")
            }
            choice = .viewer(person, until: until)
        }

        /// Until when to keep somebody out; `nil` for good.
        private static func end(
            _ how: ExactText?,
            _ text: String?,
            at now: Milliseconds
        ) throws(ConsoleFault) -> Milliseconds? {
            switch how {
            case "hour": return now + 3_600_000
            case "day": return now + 86_400_000
            case "good": return nil
            case "until":
                // As a browser's field for dates and times writes it, with or without seconds.
                let text = text ?? ""
                guard let until = RFC3339.parse(text + "Z") ?? RFC3339.parse(text + ":00Z"), until > now else {
                    throw ConsoleFault("Say until when: a date and time in the future, in UTC.", field: "until")
                }
                return until
            default: throw ConsoleFault("Choose what to do.", field: "how")
            }
        }
    }

    static let path = "/console/sessions/remove"

    static func path(_ session: String) -> String { path + Form.query([("session", session)]) }

    /// Whom a removal may name, by what the session has. The first keeps most registrations of one person out.
    static func people(_ session: LiveSession) -> [RemovedPerson] {
        let viewer = session.viewer
        let email = viewer.email.map { RemovedPerson(.email, $0) }
        let registration = viewer.registration.map { RemovedPerson(.registration, $0) }
        return [email, RemovedPerson(.user, viewer.userID), registration].compactMap(\.self)
    }

    /// What is wrong with a field, beside it, and what refers to that.
    private func remark(_ field: String) -> (text: HTML, attributes: HTML) {
        guard let fault, fault.field.hasSameBytes(as: field) else { return ("", "") }
        let id = "fault-\(field)"
        return (
            "<p class=\"fault\" id=\"\(id)\">\(fault.text)</p>\n",
            " aria-invalid=\"true\" aria-describedby=\"\(id)\""
        )
    }

    private func radio(_ name: String, _ value: String, _ text: HTML, isDefault: Bool) -> HTML {
        let isChosen = filled.map { $0[.init(name)].hasSameBytes(as: value) } ?? isDefault
        let checked: HTML = isChosen ? " checked" : ""
        return
            "<label class=\"choice\"><input type=\"radio\" name=\"\(name)\" value=\"\(value)\"\(checked)> \(text)</label>\n"
    }

    private var people: HTML {
        let choices = Self.people(session).enumerated().map { number, person -> HTML in
            let text = OutsideText.html(person.text, limit: OutsideText.long)
            let words: HTML =
                switch person.kind {
                case .email: "everybody with the e-mail \(text), whatever their registration"
                case .user: "the user \(text), whatever their registration"
                case .registration: "only the registration \(text): the same person may come with another one"
                }
            return radio("whom", person.kind.rawValue, words, isDefault: number == 0)
        }
        let (fault, attributes) = remark("whom")
        return "<fieldset\(attributes)><legend>Whom to keep out</legend>\n\(choices)\(fault)</fieldset>\n"
    }

    var html: HTML {
        let viewer = session.viewer
        func row(_ name: String, _ text: String?) -> HTML {
            text.map { "<dt>\(name)</dt><dd>\(OutsideText.html($0, limit: OutsideText.long))</dd>\n" } ?? ""
        }
        func choice(_ value: String, _ text: HTML, isDefault: Bool = false) -> HTML {
            radio("how", value, text, isDefault: isDefault)
        }
        // A removal is from an event.
        let choices: [HTML] =
            session.event.isEmpty
            ? [choice("session", "End this session. The viewer may join again.", isDefault: true)]
            : [
                choice("session", "End this session. The viewer may join again."),
                choice("hour", "Keep the viewer out of the event for an hour", isDefault: true),
                choice("day", "Keep the viewer out of the event for a day"),
                choice("good", "Keep the viewer out of the event for good"),
                choice("until", "Keep the viewer out of the event until the date and time below"),
            ]
        let (how, until, reason) = (remark("how"), remark("until"), remark("reason"))
        let end: HTML =
            session.event.isEmpty
            ? ""
            : """
            <p><label>Until, in UTC <input type="datetime-local" name="until" \
            value="\(filled?["until"] ?? "")"\(until.attributes)></label></p>
            \(until.text)\(people)
            """
        let form: HTML =
            visitor.mayAct
            ? """
            <form method="post" action="\(Self.path)">\(Page.key(visitor))
            <input type="hidden" name="session" value="\(session.name)">
            <fieldset\(how.attributes)><legend>What to do</legend>
            \(choices)\(how.text)</fieldset>
            \(end)<p><label>Reason, for the company and the log <input name="reason" maxlength="200" \
            value="\(filled?["reason"] ?? "")"\(reason.attributes)></label></p>
            \(reason.text)<p><button class="main danger">Remove</button> <a class="button" href="\(Page.Place.sessions.path)">Cancel</a></p>
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
    /// The field of a form that is wrong; `nil` if it is none.
    let field: String?

    init(_ text: String, status: Int = 400, back: String? = nil, field: String? = nil) {
        (self.text, self.status, self.back, self.field) = (text, status, back, field)
    }
}
