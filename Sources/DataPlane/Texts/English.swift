import Admission

enum English: Language {
    static let tag = "en"

    static func words(on topic: Topic) -> Words {
        switch topic {
        case .refusal(let refusal): words(on: refusal)
        case .visitEnded:
            Words(
                "Your visit was ended",
                "Open your link again to come back, or reload the page that shows the event."
            )
        case .otherEvent:
            Words("You are signed in to another event", "Open the link to this one.")
        case .cookiesOff:
            Words(
                "Your browser accepts no cookies",
                "Cookies are switched off for this site. Allow them in your browser, then try again."
            )
        case .eventDeleted:
            Words(
                "The event no longer exists",
                "The organizer has deleted it. Ask the organizer if you think that this is a mistake."
            )
        case .elsewhere:
            Words(
                "The event is open in another tab",
                "Watch it there. If you have closed that tab, open the event again."
            )
        case .status(let status): words(on: status)
        }
    }

    private static func words(on refusal: Refusal) -> Words {
        switch refusal {
        case .tokenMissing:
            Words(
                "Please open your join link",
                "Open the event with the link from your invitation, or from the page that shows it."
            )
        case .tokenInvalid:
            Words(
                "This link does not work",
                "Copy the whole link from your invitation and open it again, or ask the organizer for a new one."
            )
        case .tokenExpired:
            Words(
                "This link has expired",
                "Reload the page that shows the event, or ask the organizer for a new link."
            )
        case .tokenNotYetValid:
            Words(
                "It is too early for this link",
                "Check the date and time in your invitation."
            )
        case .tokenConflict:
            Words("Two different links at once", "Open only the link from your invitation, exactly as it is there.")
        case .cookiesBlocked:
            Words(
                "Your browser blocks cookies here",
                "Open the event in a new tab, or allow cookies for it, then try again."
            )
        case .wrongEvent:
            Words(
                "This link is for another event",
                "Open this event with its own link, or ask the organizer for one."
            )
        case .originDenied:
            Words("This page may not do that", "Open the event from the page that it belongs to.")
        case .addressDenied:
            Words(
                "Not available from here",
                "Try another network, or ask the organizer if you think that this is a mistake."
            )
        case .frameDenied:
            Words("This event is not shown here", "Open the event on the page of the company that has invited you.")
        case .registrationRemoved:
            Words("No longer available", "Ask the organizer if you think that this is a mistake.")
        case .viewerRemoved:
            Words(
                "You were removed from this event",
                "The organizer has ended your visit. Ask the organizer if you think that this is a mistake."
            )
        case .notOpen:
            Words("The event is not open yet", "Nothing is wrong with your link: you are early.")
        case .eventOver:
            Words("The event is over", "Nobody is let in any more. Ask the organizer whether there is a recording.")
        case .sessionReplaced:
            Words(
                "You joined from another place",
                "You can watch in one place at a time. Choose to use it here to carry on here."
            )
        case .sessionLeft:
            Words("You have left", "Open the event again to come back.")
        case .roleChanged:
            Words("Your role has changed", "Reload the page to go on with your new role.")
        case .alreadyActive:
            Words(
                "You are already watching elsewhere",
                "You can watch in one place at a time. Close the event there, then try again here."
            )
        case .tooManyJoins:
            Words(
                "Too many joins",
                "Wait a minute, then open the event once, in the place where you want to watch it."
            )
        case .draining:
            Words("Back in a moment", "The service is being restarted.")
        case .tryAgain:
            Words("One moment, please", "Nothing is wrong with your link.")
        case .upstreamUnavailable:
            Words("The event is not reachable", "Nothing is wrong with your link.")
        case .upstreamTimeout:
            Words("The event did not answer", "Nothing is wrong with your link.")
        }
    }

    private static func words(on status: Topic.Status) -> Words {
        switch status {
        case .badRequest:
            Words(
                "This address does not work",
                "Part of it is missing, or something was added to it. Open the link again from where you got it."
            )
        case .forbidden:
            Words("Not from here", "Nothing is shown to the network that you are in. Try another one.")
        case .notFound:
            Words("There is nothing here", "Check the address, or open the link again from where you got it.")
        case .contentTooLarge:
            Words("That is too much", "Send less at once.")
        case .tooManyRequests:
            Words(
                "Too many requests",
                "Too much was asked for from your network. Wait a moment, then reload the page."
            )
        case .headTooLarge:
            Words(
                "Your browser sends too much",
                "Most often these are cookies: delete this site's cookies, then open the link again."
            )
        case .badGateway:
            Words("The service is not reachable", "The fault is on our side.")
        case .unavailable:
            Words("The service is not available at the moment", "The fault is on our side.")
        case .gatewayTimeout:
            Words("The service did not answer", "The fault is on our side.")
        case .other:
            Words("That did not work", "Go back and try again, or open your link again.")
        }
    }

    static func text(_ label: Label) -> String {
        switch label {
        case .useHere: "Use it here instead"
        case .tryAgain: "Try again"
        case .comeBack: "Come back"
        case .goBack: "Go back"
        case .openInTab: "Open in a new tab"
        case .allow: "Allow cookies here"
        case .home: "Go to the website of {name}"
        case .contact: "Contact {name}"
        case .notAllowed: "Your browser did not allow it. Open the event in a new tab, or allow cookies for this site."
        case .late: "This page has waited too long: reload the page that it is on, or open your link again."
        case .activeFor: "Active there for {time}."
        case .freeIn: "If it is closed there already, this place is free in {time} at most. This page tries again then."
        case .opensIn: "It opens in {time}. This page then continues by itself."
        case .validIn: "Your link works in {time}. This page then continues by itself."
        case .returnsIn: "You can come back in {time}. This page then continues by itself."
        case .retriesIn: "This page tries again by itself in {time}."
        case .tryLater: "Try again in a moment."
        case .moment: "a moment"
        case .seconds: "{count} seconds"
        case .underAMinute: "less than a minute"
        case .aMinute: "a minute"
        case .minutes: "{count} minutes"
        case .anHour: "1 hour"
        case .hours: "{count} hours"
        case .days: "{count} days"
        case .daysAndHours: "{days} and {hours}"
        }
    }
}
