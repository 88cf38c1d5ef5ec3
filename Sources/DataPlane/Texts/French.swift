import Admission

enum French: Language {
    static let tag = "fr"

    static func words(on topic: Topic) -> Words {
        switch topic {
        case .refusal(let refusal): words(on: refusal)
        case .visitEnded:
            Words(
                "Votre visite a pris fin",
                "Ouvrez de nouveau votre lien pour revenir, ou rechargez la page qui affiche l’événement."
            )
        case .otherEvent:
            Words("Vous participez à un autre événement", "Ouvrez le lien de cet événement-ci.")
        case .cookiesOff:
            Words(
                "Votre navigateur n’accepte pas les cookies",
                "Les cookies sont désactivés pour ce site. Autorisez-les dans votre navigateur, puis réessayez."
            )
        case .eventDeleted:
            Words(
                "L’événement n’existe plus",
                "L’organisateur l’a supprimé. Contactez-le si vous pensez que c’est une erreur."
            )
        case .elsewhere:
            Words(
                "L’événement est ouvert dans un autre onglet",
                "Regardez-le là-bas. Si vous avez fermé cet onglet, ouvrez de nouveau l’événement."
            )
        case .status(let status): words(on: status)
        }
    }

    private static func words(on refusal: Refusal) -> Words {
        switch refusal {
        case .tokenMissing:
            Words(
                "Veuillez ouvrir votre lien d’accès",
                "Ouvrez l’événement avec le lien de votre invitation, ou depuis la page qui l’affiche."
            )
        case .tokenInvalid:
            Words(
                "Ce lien ne fonctionne pas",
                "Copiez le lien entier depuis votre invitation et ouvrez-le de nouveau, ou demandez-en un autre "
                    + "à l’organisateur."
            )
        case .tokenExpired:
            Words(
                "Ce lien a expiré",
                "Rechargez la page qui affiche l’événement, ou demandez un nouveau lien à l’organisateur."
            )
        case .tokenNotYetValid:
            Words(
                "Il est trop tôt pour ce lien",
                "Vérifiez la date et l’heure dans votre invitation."
            )
        case .tokenConflict:
            Words(
                "Deux liens différents à la fois",
                "Ouvrez seulement le lien de votre invitation, exactement tel qu’il y figure."
            )
        case .cookiesBlocked:
            Words(
                "Votre navigateur bloque les cookies ici",
                "Ouvrez l’événement dans un nouvel onglet, ou autorisez les cookies de ce site, puis réessayez."
            )
        case .wrongEvent:
            Words(
                "Ce lien correspond à un autre événement",
                "Ouvrez cet événement avec son propre lien, ou demandez-en un à l’organisateur."
            )
        case .originDenied:
            Words(
                "Cette page n’a pas le droit de faire cela",
                "Ouvrez l’événement depuis la page à laquelle il appartient."
            )
        case .addressDenied:
            Words(
                "Indisponible depuis cet endroit",
                "Essayez depuis un autre réseau, ou contactez l’organisateur si vous pensez que c’est une erreur."
            )
        case .frameDenied:
            Words("Cet événement n’est pas affiché ici", "Ouvrez-le sur la page de l’entreprise qui vous invite.")
        case .registrationRemoved:
            Words("L’accès n’est plus disponible", "Contactez l’organisateur si vous pensez que c’est une erreur.")
        case .viewerRemoved:
            Words(
                "Votre accès à cet événement a été retiré",
                "L’organisateur a mis fin à votre visite. Contactez-le si vous pensez que c’est une erreur."
            )
        case .notOpen:
            Words("L’événement n’est pas encore ouvert", "Votre lien est bon, vous êtes simplement en avance.")
        case .eventOver:
            Words(
                "L’événement est terminé",
                "Plus personne ne peut entrer. Demandez à l’organisateur s’il existe un enregistrement."
            )
        case .sessionReplaced:
            Words(
                "Vous participez depuis un autre endroit",
                "Vous ne pouvez regarder qu’à un seul endroit à la fois. Pour continuer ici, choisissez "
                    + "«\u{A0}Regarder ici\u{A0}»."
            )
        case .sessionLeft:
            Words("Vous avez quitté l’événement", "Ouvrez-le de nouveau pour revenir.")
        case .roleChanged:
            Words("Votre rôle a changé", "Rechargez la page pour continuer avec votre nouveau rôle.")
        case .alreadyActive:
            Words(
                "Vous regardez déjà l’événement ailleurs",
                "Vous ne pouvez regarder qu’à un seul endroit à la fois. Fermez l’événement là-bas, puis réessayez ici."
            )
        case .tooManyJoins:
            Words(
                "Trop de tentatives d’accès",
                "Attendez une minute, puis ouvrez l’événement une seule fois, là où vous voulez le regarder."
            )
        case .draining:
            Words("De retour dans un instant", "Le service redémarre.")
        case .tryAgain:
            Words("Un instant, s’il vous plaît", "Votre lien est bon.")
        case .upstreamUnavailable:
            Words("L’événement est inaccessible", "Votre lien est bon.")
        case .upstreamTimeout:
            Words("L’événement n’a pas répondu", "Votre lien est bon.")
        }
    }

    private static func words(on status: Topic.Status) -> Words {
        switch status {
        case .badRequest:
            Words(
                "Cette adresse ne fonctionne pas",
                "Il en manque une partie, ou quelque chose y a été ajouté. Ouvrez de nouveau le lien là où vous "
                    + "l’avez reçu."
            )
        case .forbidden:
            Words(
                "Ce réseau n’a pas accès",
                "Le contenu n’est pas accessible depuis votre réseau. Essayez-en un autre."
            )
        case .notFound:
            Words("Il n’y a rien ici", "Vérifiez l’adresse, ou ouvrez de nouveau le lien là où vous l’avez reçu.")
        case .contentTooLarge:
            Words("C’est trop", "Envoyez-en moins à la fois.")
        case .tooManyRequests:
            Words(
                "Trop de requêtes",
                "Trop de requêtes proviennent de votre réseau. Attendez un instant, puis rechargez la page."
            )
        case .headTooLarge:
            Words(
                "Votre navigateur envoie trop de données",
                "Il s’agit le plus souvent de cookies. Supprimez ceux de ce site, puis ouvrez de nouveau le lien."
            )
        case .badGateway:
            Words("Le service est inaccessible", "Le problème vient de notre côté.")
        case .unavailable:
            Words("Le service est momentanément indisponible", "Le problème vient de notre côté.")
        case .gatewayTimeout:
            Words("Le service n’a pas répondu", "Le problème vient de notre côté.")
        case .other:
            Words("Cela n’a pas fonctionné", "Revenez en arrière et réessayez, ou ouvrez de nouveau votre lien.")
        }
    }

    static func text(_ label: Label) -> String {
        switch label {
        case .useHere: "Regarder ici"
        case .tryAgain: "Réessayer"
        case .comeBack: "Revenir"
        case .goBack: "Retour"
        case .openInTab: "Ouvrir dans un nouvel onglet"
        case .allow: "Autoriser les cookies ici"
        case .home: "Aller sur le site de {name}"
        case .contact: "Contacter {name}"
        case .notAllowed:
            "Votre navigateur ne l’a pas autorisé. Ouvrez l’événement dans un nouvel onglet, ou autorisez les "
                + "cookies de ce site."
        case .late:
            "Cette page a attendu trop longtemps. Rechargez la page où elle se trouve, ou ouvrez de nouveau "
                + "votre lien."
        case .activeFor: "Ouvert là-bas depuis {time}."
        case .freeIn:
            "Si vous l’y avez déjà fermé, cette place se libérera dans {time} au plus. Cette page réessaiera "
                + "alors automatiquement."
        case .opensIn: "Ouverture dans {time}. Cette page continuera alors automatiquement."
        case .validIn: "Votre lien fonctionnera dans {time}. Cette page continuera alors automatiquement."
        case .returnsIn: "Vous pourrez revenir dans {time}. Cette page continuera alors automatiquement."
        case .retriesIn: "Cette page réessaiera automatiquement dans {time}."
        case .tryLater: "Réessayez dans un instant."
        case .moment: "un instant"
        case .seconds: "{count} secondes"
        case .underAMinute: "moins d’une minute"
        case .aMinute: "une minute"
        case .minutes: "{count} minutes"
        case .anHour: "1 heure"
        case .hours: "{count} heures"
        case .days: "{count} jours"
        case .daysAndHours: "{days} et {hours}"
        }
    }
}
