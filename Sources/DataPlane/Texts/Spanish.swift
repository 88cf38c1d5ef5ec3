import Admission

enum Spanish: Language {
    static let tag = "es"

    static func words(on topic: Topic) -> Words {
        switch topic {
        case .refusal(let refusal): words(on: refusal)
        case .visitEnded:
            Words(
                "Su visita ha terminado",
                "Abra de nuevo su enlace para volver, o recargue la página que muestra el evento."
            )
        case .otherEvent:
            Words("Ha entrado en otro evento", "Abra el enlace de este evento.")
        case .cookiesOff:
            Words(
                "Su navegador no acepta cookies",
                "Las cookies están desactivadas para este sitio. Permítalas en su navegador e inténtelo de nuevo."
            )
        case .eventDeleted:
            Words(
                "El evento ya no existe",
                "El organizador lo ha eliminado. Consúltele si cree que se trata de un error."
            )
        case .elsewhere:
            Words(
                "El evento está abierto en otra pestaña",
                "Véalo allí. Si ha cerrado esa pestaña, abra el evento de nuevo."
            )
        case .status(let status): words(on: status)
        }
    }

    private static func words(on refusal: Refusal) -> Words {
        switch refusal {
        case .tokenMissing:
            Words(
                "Abra su enlace de acceso",
                "Abra el evento con el enlace de su invitación o desde la página que lo muestra."
            )
        case .tokenInvalid:
            Words(
                "Este enlace no funciona",
                "Copie el enlace completo de su invitación y ábralo de nuevo, o pida uno nuevo al organizador."
            )
        case .tokenExpired:
            Words(
                "Este enlace ha caducado",
                "Recargue la página que muestra el evento o pida un enlace nuevo al organizador."
            )
        case .tokenNotYetValid:
            Words(
                "Aún es pronto para este enlace",
                "Compruebe la fecha y la hora en su invitación."
            )
        case .tokenConflict:
            Words("Dos enlaces distintos a la vez", "Abra solo el enlace de su invitación, tal como aparece en ella.")
        case .cookiesBlocked:
            Words(
                "Su navegador bloquea las cookies aquí",
                "Abra el evento en una pestaña nueva, o permita las cookies e inténtelo de nuevo."
            )
        case .wrongEvent:
            Words("Este enlace es de otro evento", "Abra este evento con su propio enlace o pida uno al organizador.")
        case .originDenied:
            Words("Esta página no puede hacer eso", "Abra el evento desde la página a la que pertenece.")
        case .addressDenied:
            Words(
                "No disponible desde aquí",
                "Pruebe con otra red, o consulte al organizador si cree que se trata de un error."
            )
        case .frameDenied:
            Words("Este evento no se muestra aquí", "Ábralo en la página de la empresa que le ha invitado.")
        case .registrationRemoved:
            Words("Ya no está disponible", "Consulte al organizador si cree que se trata de un error.")
        case .viewerRemoved:
            Words(
                "Se le ha expulsado de este evento",
                "El organizador ha puesto fin a su visita. Consúltele si cree que se trata de un error."
            )
        case .notOpen:
            Words("El evento aún no está abierto", "Su enlace es correcto: solo ha llegado antes de tiempo.")
        case .eventOver:
            Words("El evento ha terminado", "Ya no se puede entrar. Pregunte al organizador si hay una grabación.")
        case .sessionReplaced:
            Words(
                "Ha entrado desde otro lugar",
                "Solo puede ver el evento en un lugar a la vez. Para continuar aquí, elija «Ver aquí»."
            )
        case .sessionLeft:
            Words("Ha salido del evento", "Ábralo de nuevo para volver.")
        case .roleChanged:
            Words("Su rol ha cambiado", "Recargue la página para continuar con su nuevo rol.")
        case .alreadyActive:
            Words(
                "Ya está viendo el evento en otro lugar",
                "Solo puede verlo en un lugar a la vez. Ciérrelo allí e inténtelo aquí de nuevo."
            )
        case .tooManyJoins:
            Words(
                "Demasiados accesos",
                "Espere un minuto y abra el evento una sola vez, en el lugar donde quiera verlo."
            )
        case .draining:
            Words("Volvemos enseguida", "El servicio se está reiniciando.")
        case .tryAgain:
            Words("Un momento, por favor", "Su enlace es correcto.")
        case .upstreamUnavailable:
            Words("No se puede acceder al evento", "Su enlace es correcto.")
        case .upstreamTimeout:
            Words("El evento no ha respondido", "Su enlace es correcto.")
        }
    }

    private static func words(on status: Topic.Status) -> Words {
        switch status {
        case .badRequest:
            Words(
                "Esta dirección no funciona",
                "Falta una parte o se ha añadido algo. Abra el enlace de nuevo desde donde lo recibió."
            )
        case .forbidden:
            Words("Esta red no tiene acceso", "Desde su red no se puede acceder. Pruebe con otra.")
        case .notFound:
            Words("Aquí no hay nada", "Compruebe la dirección o abra el enlace de nuevo desde donde lo recibió.")
        case .contentTooLarge:
            Words("Es demasiado", "Envíe menos datos a la vez.")
        case .tooManyRequests:
            Words(
                "Demasiadas solicitudes",
                "Han llegado demasiadas solicitudes desde su red. Espere un momento y recargue la página."
            )
        case .headTooLarge:
            Words(
                "Su navegador envía demasiados datos",
                "Suele deberse a las cookies: borre las de este sitio y abra el enlace de nuevo."
            )
        case .badGateway:
            Words("No se puede acceder al servicio", "El fallo está de nuestro lado.")
        case .unavailable:
            Words("El servicio no está disponible en este momento", "El fallo está de nuestro lado.")
        case .gatewayTimeout:
            Words("El servicio no ha respondido", "El fallo está de nuestro lado.")
        case .other:
            Words("No ha funcionado", "Vuelva atrás e inténtelo de nuevo, o abra otra vez su enlace.")
        }
    }

    static func text(_ label: Label) -> String {
        switch label {
        case .useHere: "Ver aquí"
        case .tryAgain: "Intentar de nuevo"
        case .comeBack: "Volver a entrar"
        case .goBack: "Volver"
        case .openInTab: "Abrir en una pestaña nueva"
        case .allow: "Permitir las cookies aquí"
        case .home: "Ir al sitio web de {name}"
        case .contact: "Contactar con {name}"
        case .notAllowed:
            "Su navegador no lo ha permitido. Abra el evento en una pestaña nueva o permita las cookies de este "
                + "sitio."
        case .late: "Esta página ha esperado demasiado: recargue la página en la que está o abra de nuevo su enlace."
        case .activeFor: "Activo allí desde hace {time}."
        case .freeIn:
            "Si allí ya está cerrado, esta plaza quedará libre en {time} como máximo. Esta página lo intentará "
                + "entonces de nuevo."
        case .opensIn: "Abre en {time}. Después, esta página continúa por sí sola."
        case .validIn: "Su enlace funcionará en {time}. Después, esta página continúa por sí sola."
        case .returnsIn: "Podrá volver en {time}. Después, esta página continúa por sí sola."
        case .retriesIn: "Esta página lo intentará de nuevo por sí sola en {time}."
        case .tryLater: "Inténtelo de nuevo en un momento."
        case .moment: "un momento"
        case .seconds: "{count} segundos"
        case .underAMinute: "menos de un minuto"
        case .aMinute: "un minuto"
        case .minutes: "{count} minutos"
        case .anHour: "1 hora"
        case .hours: "{count} horas"
        case .days: "{count} días"
        case .daysAndHours: "{days} y {hours}"
        }
    }
}
