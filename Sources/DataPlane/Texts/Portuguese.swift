import Admission

enum Portuguese: Language {
    static let tag = "pt"

    static func words(on topic: Topic) -> Words {
        switch topic {
        case .refusal(let refusal): words(on: refusal)
        case .visitEnded:
            Words(
                "A sua visita foi encerrada",
                "Abra o seu link novamente para voltar, ou recarregue a página que exibe o evento."
            )
        case .otherEvent:
            Words("Você está em outro evento", "Abra o link deste evento.")
        case .cookiesOff:
            Words(
                "O seu navegador não aceita cookies",
                "Os cookies estão desativados para este site. Permita-os no seu navegador e tente novamente."
            )
        case .eventDeleted:
            Words("O evento não existe mais", "O organizador o excluiu. Fale com ele se achar que é um engano.")
        case .elsewhere:
            Words(
                "O evento está aberto em outra aba",
                "Assista por lá. Se você fechou essa aba, abra o evento novamente."
            )
        case .status(let status): words(on: status)
        }
    }

    private static func words(on refusal: Refusal) -> Words {
        switch refusal {
        case .tokenMissing:
            Words("Abra o seu link de acesso", "Abra o evento pelo link do seu convite ou pela página que o exibe.")
        case .tokenInvalid:
            Words(
                "Este link não funciona",
                "Copie o link inteiro do seu convite e abra-o novamente, ou peça um novo ao organizador."
            )
        case .tokenExpired:
            Words("Este link expirou", "Recarregue a página que exibe o evento ou peça um novo link ao organizador.")
        case .tokenNotYetValid:
            Words(
                "Ainda é cedo para este link",
                "Confira a data e a hora no seu convite."
            )
        case .tokenConflict:
            Words(
                "Dois links diferentes ao mesmo tempo",
                "Abra apenas o link do seu convite, exatamente como está nele."
            )
        case .cookiesBlocked:
            Words(
                "O seu navegador bloqueia cookies aqui",
                "Abra o evento em uma nova aba, ou permita os cookies e tente novamente."
            )
        case .wrongEvent:
            Words("Este link é de outro evento", "Abra este evento pelo link dele ou peça um ao organizador.")
        case .originDenied:
            Words("Esta página não pode fazer isso", "Abra o evento pela página a que ele pertence.")
        case .addressDenied:
            Words(
                "Não disponível a partir daqui",
                "Tente outra rede, ou fale com o organizador se achar que é um engano."
            )
        case .frameDenied:
            Words("Este evento não é exibido aqui", "Abra-o na página da empresa que fez o convite.")
        case .registrationRemoved:
            Words("Não está mais disponível", "Fale com o organizador se achar que é um engano.")
        case .viewerRemoved:
            Words(
                "O seu acesso a este evento foi removido",
                "O organizador encerrou a sua visita. Fale com ele se achar que é um engano."
            )
        case .notOpen:
            Words("O evento ainda não está aberto", "O seu link está correto: ainda é cedo.")
        case .eventOver:
            Words("O evento terminou", "Não é mais possível entrar. Pergunte ao organizador se há uma gravação.")
        case .sessionReplaced:
            Words(
                "Você entrou a partir de outro lugar",
                "Só é possível assistir em um lugar por vez. Para continuar aqui, escolha “Assistir aqui”."
            )
        case .sessionLeft:
            Words("Você saiu do evento", "Abra-o novamente para voltar.")
        case .roleChanged:
            Words("A sua função mudou", "Recarregue a página para continuar com a sua nova função.")
        case .alreadyActive:
            Words(
                "Você já está assistindo em outro lugar",
                "Só é possível assistir em um lugar por vez. Feche o evento lá e tente novamente aqui."
            )
        case .tooManyJoins:
            Words(
                "Acessos demais",
                "Espere um minuto e abra o evento uma única vez, no lugar em que quiser assistir."
            )
        case .draining:
            Words("Voltamos em instantes", "O serviço está sendo reiniciado.")
        case .tryAgain:
            Words("Um momento, por favor", "O seu link está correto.")
        case .upstreamUnavailable:
            Words("Não foi possível acessar o evento", "O seu link está correto.")
        case .upstreamTimeout:
            Words("O evento não respondeu", "O seu link está correto.")
        }
    }

    private static func words(on status: Topic.Status) -> Words {
        switch status {
        case .badRequest:
            Words(
                "Este endereço não funciona",
                "Falta uma parte dele, ou algo foi acrescentado. Abra o link novamente de onde o recebeu."
            )
        case .forbidden:
            Words("Esta rede não tem acesso", "Nada é exibido na rede em que você está. Tente outra.")
        case .notFound:
            Words("Não há nada aqui", "Confira o endereço ou abra o link novamente de onde o recebeu.")
        case .contentTooLarge:
            Words("Isso é demais", "Envie menos de uma vez.")
        case .tooManyRequests:
            Words(
                "Solicitações demais",
                "Chegaram solicitações demais da sua rede. Espere um momento e recarregue a página."
            )
        case .headTooLarge:
            Words(
                "O seu navegador envia dados demais",
                "Em geral são cookies: apague os deste site e abra o link novamente."
            )
        case .badGateway:
            Words("Não foi possível acessar o serviço", "O problema é do nosso lado.")
        case .unavailable:
            Words("O serviço não está disponível no momento", "O problema é do nosso lado.")
        case .gatewayTimeout:
            Words("O serviço não respondeu", "O problema é do nosso lado.")
        case .other:
            Words("Não funcionou", "Volte e tente novamente, ou abra o seu link mais uma vez.")
        }
    }

    static func text(_ label: Label) -> String {
        switch label {
        case .useHere: "Assistir aqui"
        case .tryAgain: "Tentar novamente"
        case .comeBack: "Voltar ao evento"
        case .goBack: "Voltar"
        case .openInTab: "Abrir em uma nova aba"
        case .allow: "Permitir aqui"
        case .home: "Ir ao site de {name}"
        case .contact: "Entrar em contato com {name}"
        case .notAllowed:
            "O seu navegador não permitiu. Abra o evento em uma nova aba ou permita os cookies deste site."
        case .late:
            "Esta página esperou tempo demais: recarregue a página em que ela está ou abra o seu link novamente."
        case .activeFor: "Ativo lá há {time}."
        case .freeIn:
            "Se já estiver fechado lá, este lugar ficará livre em {time} no máximo. Esta página tentará então novamente."
        case .opensIn: "Abre em {time}. Depois, esta página continua sozinha."
        case .validIn: "O seu link funcionará em {time}. Depois, esta página continua sozinha."
        case .returnsIn: "Você poderá voltar em {time}. Depois, esta página continua sozinha."
        case .retriesIn: "Esta página tentará novamente sozinha em {time}."
        case .tryLater: "Tente novamente em instantes."
        case .moment: "um instante"
        case .seconds: "{count} segundos"
        case .underAMinute: "menos de um minuto"
        case .aMinute: "um minuto"
        case .minutes: "{count} minutos"
        case .anHour: "1 hora"
        case .hours: "{count} horas"
        case .days: "{count} dias"
        case .daysAndHours: "{days} e {hours}"
        }
    }
}
