import Admission

enum German: Language {
    static let tag = "de"

    static func words(on topic: Topic) -> Words {
        switch topic {
        case .refusal(let refusal): words(on: refusal)
        case .visitEnded:
            Words(
                "Ihre Teilnahme wurde beendet",
                "Öffnen Sie Ihren Link noch einmal, um zurückzukommen, oder laden Sie die Seite neu, die die "
                    + "Veranstaltung zeigt."
            )
        case .otherEvent:
            Words(
                "Sie sind bei einer anderen Veranstaltung angemeldet",
                "Öffnen Sie den Link zu dieser Veranstaltung."
            )
        case .cookiesOff:
            Words(
                "Ihr Browser nimmt keine Cookies an",
                "Cookies sind für diese Website ausgeschaltet. Erlauben Sie sie in Ihrem Browser und versuchen "
                    + "Sie es noch einmal."
            )
        case .eventDeleted:
            Words(
                "Diese Veranstaltung gibt es nicht mehr",
                "Der Veranstalter hat sie gelöscht. Fragen Sie ihn, wenn Sie das für einen Irrtum halten."
            )
        case .elsewhere:
            Words(
                "Die Veranstaltung ist in einem anderen Tab geöffnet",
                "Sehen Sie dort zu. Wenn Sie den Tab geschlossen haben, öffnen Sie die Veranstaltung noch einmal."
            )
        case .status(let status): words(on: status)
        }
    }

    private static func words(on refusal: Refusal) -> Words {
        switch refusal {
        case .tokenMissing:
            Words(
                "Bitte öffnen Sie Ihren Einladungslink",
                "Öffnen Sie die Veranstaltung mit dem Link aus Ihrer Einladung oder auf der Seite, die sie zeigt."
            )
        case .tokenInvalid:
            Words(
                "Dieser Link funktioniert nicht",
                "Kopieren Sie den ganzen Link aus Ihrer Einladung und öffnen Sie ihn noch einmal, oder bitten "
                    + "Sie den Veranstalter um einen neuen."
            )
        case .tokenExpired:
            Words(
                "Dieser Link ist abgelaufen",
                "Laden Sie die Seite neu, die die Veranstaltung zeigt, oder bitten Sie den Veranstalter um einen "
                    + "neuen Link."
            )
        case .tokenNotYetValid:
            Words(
                "Für diesen Link ist es noch zu früh",
                "Prüfen Sie Datum und Uhrzeit in Ihrer Einladung."
            )
        case .tokenConflict:
            Words(
                "Zwei verschiedene Links auf einmal",
                "Öffnen Sie nur den Link aus Ihrer Einladung, genau so, wie er dort steht."
            )
        case .cookiesBlocked:
            Words(
                "Ihr Browser blockiert hier Cookies",
                "Öffnen Sie die Veranstaltung in einem neuen Tab, oder erlauben Sie Cookies für diese Website "
                    + "und versuchen Sie es noch einmal."
            )
        case .wrongEvent:
            Words(
                "Dieser Link gehört zu einer anderen Veranstaltung",
                "Öffnen Sie diese Veranstaltung mit ihrem eigenen Link, oder bitten Sie den Veranstalter um diesen."
            )
        case .originDenied:
            Words("Diese Seite darf das nicht", "Öffnen Sie die Veranstaltung auf der Seite, zu der sie gehört.")
        case .addressDenied:
            Words(
                "Von hier aus nicht verfügbar",
                "Versuchen Sie es aus einem anderen Netz, oder fragen Sie den Veranstalter, wenn Sie das für "
                    + "einen Irrtum halten."
            )
        case .frameDenied:
            Words(
                "Diese Veranstaltung wird hier nicht gezeigt",
                "Öffnen Sie sie auf der Seite des Unternehmens, das Sie eingeladen hat."
            )
        case .registrationRemoved:
            Words("Nicht mehr verfügbar", "Fragen Sie den Veranstalter, wenn Sie das für einen Irrtum halten.")
        case .viewerRemoved:
            Words(
                "Sie wurden von dieser Veranstaltung ausgeschlossen",
                "Der Veranstalter hat Ihre Teilnahme beendet. Fragen Sie ihn, wenn Sie das für einen Irrtum "
                    + "halten."
            )
        case .notOpen:
            Words("Der Einlass hat noch nicht begonnen", "Ihr Link ist in Ordnung, Sie sind nur früh dran.")
        case .eventOver:
            Words(
                "Die Veranstaltung ist zu Ende",
                "Es wird niemand mehr eingelassen. Fragen Sie den Veranstalter, ob es eine Aufzeichnung gibt."
            )
        case .sessionReplaced:
            Words(
                "Sie nehmen jetzt an anderer Stelle teil",
                "Sie können immer nur an einer Stelle zusehen. Um hier weiterzumachen, wählen Sie „Hier ansehen“."
            )
        case .sessionLeft:
            Words("Sie haben die Veranstaltung verlassen", "Öffnen Sie sie noch einmal, um zurückzukommen.")
        case .roleChanged:
            Words("Ihre Rolle hat sich geändert", "Laden Sie die Seite neu, um mit Ihrer neuen Rolle weiterzumachen.")
        case .alreadyActive:
            Words(
                "Sie sehen schon an anderer Stelle zu",
                "Sie können immer nur an einer Stelle zusehen. Schließen Sie die Veranstaltung dort und "
                    + "versuchen Sie es hier noch einmal."
            )
        case .tooManyJoins:
            Words(
                "Zu viele Beitritte",
                "Warten Sie eine Minute. Öffnen Sie die Veranstaltung dann nur einmal, dort, wo Sie zusehen "
                    + "möchten."
            )
        case .draining:
            Words("Gleich wieder da", "Der Dienst wird neu gestartet.")
        case .tryAgain:
            Words("Einen Moment bitte", "Ihr Link ist in Ordnung.")
        case .upstreamUnavailable:
            Words("Die Veranstaltung ist nicht erreichbar", "Ihr Link ist in Ordnung.")
        case .upstreamTimeout:
            Words("Die Veranstaltung hat nicht geantwortet", "Ihr Link ist in Ordnung.")
        }
    }

    private static func words(on status: Topic.Status) -> Words {
        switch status {
        case .badRequest:
            Words(
                "Diese Adresse funktioniert nicht",
                "Ein Teil davon fehlt, oder es wurde etwas hinzugefügt. Öffnen Sie den Link noch einmal dort, wo "
                    + "Sie ihn bekommen haben."
            )
        case .forbidden:
            Words(
                "Kein Zugang aus diesem Netz",
                "Aus Ihrem Netz ist kein Zugriff möglich. Versuchen Sie es aus einem anderen."
            )
        case .notFound:
            Words(
                "Hier gibt es nichts",
                "Prüfen Sie die Adresse, oder öffnen Sie den Link noch einmal dort, wo Sie ihn bekommen haben."
            )
        case .contentTooLarge:
            Words("Das ist zu viel", "Senden Sie weniger auf einmal.")
        case .tooManyRequests:
            Words(
                "Zu viele Anfragen",
                "Aus Ihrem Netz kamen zu viele Anfragen. Warten Sie einen Moment und laden Sie die Seite dann "
                    + "neu."
            )
        case .headTooLarge:
            Words(
                "Ihr Browser sendet zu viel",
                "Meistens sind es Cookies: Löschen Sie die Cookies dieser Website und öffnen Sie den Link noch "
                    + "einmal."
            )
        case .badGateway:
            Words("Der Dienst ist nicht erreichbar", "Der Fehler liegt bei uns.")
        case .unavailable:
            Words("Der Dienst ist gerade nicht verfügbar", "Der Fehler liegt bei uns.")
        case .gatewayTimeout:
            Words("Der Dienst hat nicht geantwortet", "Der Fehler liegt bei uns.")
        case .other:
            Words(
                "Das hat nicht funktioniert",
                "Gehen Sie zurück und versuchen Sie es noch einmal, oder öffnen Sie Ihren Link noch einmal."
            )
        }
    }

    static func text(_ label: Label) -> String {
        switch label {
        case .useHere: "Hier ansehen"
        case .tryAgain: "Noch einmal versuchen"
        case .comeBack: "Zurückkommen"
        case .goBack: "Zurück"
        case .openInTab: "In neuem Tab öffnen"
        case .allow: "Cookies hier erlauben"
        case .home: "Zur Website von {name}"
        case .contact: "{name} kontaktieren"
        case .notAllowed:
            "Ihr Browser hat es nicht erlaubt. Öffnen Sie die Veranstaltung in einem neuen Tab, oder erlauben "
                + "Sie Cookies für diese Website."
        case .late:
            "Diese Seite hat zu lange gewartet. Laden Sie die Seite neu, auf der sie zu sehen ist, oder öffnen "
                + "Sie Ihren Link noch einmal."
        case .activeFor: "Dort aktiv seit {time}."
        case .freeIn:
            "Wenn Sie sie dort schon geschlossen haben, wird dieser Platz in spätestens {time} frei. Dann "
                + "versucht es diese Seite noch einmal."
        case .opensIn: "Einlass in {time}. Dann geht es hier von selbst weiter."
        case .validIn: "Ihr Link gilt in {time}. Dann geht es hier von selbst weiter."
        case .returnsIn: "In {time} können Sie zurückkommen. Dann geht es hier von selbst weiter."
        case .retriesIn: "Diese Seite versucht es in {time} von selbst noch einmal."
        case .tryLater: "Versuchen Sie es gleich noch einmal."
        case .moment: "einem Moment"
        case .seconds: "{count} Sekunden"
        case .underAMinute: "weniger als einer Minute"
        case .aMinute: "einer Minute"
        case .minutes: "{count} Minuten"
        case .anHour: "1 Stunde"
        case .hours: "{count} Stunden"
        case .days: "{count} Tagen"
        case .daysAndHours: "{days} und {hours}"
        }
    }
}
