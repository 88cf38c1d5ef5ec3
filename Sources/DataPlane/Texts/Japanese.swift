import Admission

enum Japanese: Language {
    static let tag = "ja"

    static func words(on topic: Topic) -> Words {
        switch topic {
        case .refusal(let refusal): words(on: refusal)
        case .visitEnded:
            Words("参加が終了しました", "戻るには、リンクをもう一度開くか、イベントを表示しているページを再読み込みしてください。")
        case .otherEvent:
            Words("別のイベントに参加しています", "このイベントのリンクを開いてください。")
        case .cookiesOff:
            Words("ブラウザーで Cookie が無効になっています", "このサイトの Cookie が無効です。ブラウザーで許可してから、もう一度お試しください。")
        case .eventDeleted:
            Words("このイベントは存在しません", "主催者により削除されました。間違いだと思われる場合は、主催者にお問い合わせください。")
        case .elsewhere:
            Words(
                "イベントは別のタブで開いています",
                "そちらでご覧ください。そのタブを閉じた場合は、イベントをもう一度開いてください。"
            )
        case .status(let status): words(on: status)
        }
    }

    private static func words(on refusal: Refusal) -> Words {
        switch refusal {
        case .tokenMissing:
            Words("参加用のリンクを開いてください", "招待状のリンク、またはイベントを表示しているページから開いてください。")
        case .tokenInvalid:
            Words("このリンクは使用できません", "招待状のリンク全体をコピーして開き直すか、新しいリンクを主催者にご依頼ください。")
        case .tokenExpired:
            Words("このリンクは有効期限が切れています", "イベントを表示しているページを再読み込みするか、新しいリンクを主催者にご依頼ください。")
        case .tokenNotYetValid:
            Words("このリンクはまだ使用できません", "招待状の日時をご確認ください。")
        case .tokenConflict:
            Words("異なるリンクが同時に使われています", "招待状のリンクだけを、そのままの形で開いてください。")
        case .cookiesBlocked:
            Words("ブラウザーがここで Cookie をブロックしています", "新しいタブでイベントを開くか、Cookie を許可してからもう一度お試しください。")
        case .wrongEvent:
            Words("これは別のイベントのリンクです", "このイベント専用のリンクで開くか、リンクを主催者にご依頼ください。")
        case .originDenied:
            Words("このページからは操作できません", "イベントが掲載されているページから開いてください。")
        case .addressDenied:
            Words("この場所からは利用できません", "別のネットワークでお試しください。間違いだと思われる場合は、主催者にお問い合わせください。")
        case .frameDenied:
            Words("このイベントはここでは表示できません", "招待元の企業のページから開いてください。")
        case .registrationRemoved:
            Words("ご利用いただけなくなりました", "間違いだと思われる場合は、主催者にお問い合わせください。")
        case .viewerRemoved:
            Words("このイベントから退出となりました", "主催者により参加が終了されました。間違いだと思われる場合は、主催者にお問い合わせください。")
        case .notOpen:
            Words("イベントはまだ開場していません", "リンクに問題はありません。開場までお待ちください。")
        case .eventOver:
            Words("イベントは終了しました", "これ以降は入場できません。録画の有無は主催者にお問い合わせください。")
        case .sessionReplaced:
            Words("別の場所で参加されました", "視聴できるのは一度に 1 か所です。ここで続けるには「こちらで視聴する」を選んでください。")
        case .sessionLeft:
            Words("イベントから退出しました", "戻るには、イベントをもう一度開いてください。")
        case .roleChanged:
            Words("役割が変更されました", "新しい役割で続けるには、ページを再読み込みしてください。")
        case .alreadyActive:
            Words("すでに別の場所で視聴中です", "視聴できるのは一度に 1 か所です。そちらでイベントを閉じてから、ここでもう一度お試しください。")
        case .tooManyJoins:
            Words("参加の回数が多すぎます", "1 分ほど待ってから、視聴したい場所で一度だけイベントを開いてください。")
        case .draining:
            Words("まもなく再開します", "サービスを再起動しています。")
        case .tryAgain:
            Words("少々お待ちください", "リンクに問題はありません。")
        case .upstreamUnavailable:
            Words("イベントに接続できません", "リンクに問題はありません。")
        case .upstreamTimeout:
            Words("イベントから応答がありません", "リンクに問題はありません。")
        }
    }

    private static func words(on status: Topic.Status) -> Words {
        switch status {
        case .badRequest:
            Words("このアドレスは使用できません", "一部が欠けているか、余分な文字が含まれています。リンクを受け取った場所から開き直してください。")
        case .forbidden:
            Words("このネットワークからは利用できません", "お使いのネットワークには何も表示されません。別のネットワークでお試しください。")
        case .notFound:
            Words("ここには何もありません", "アドレスをご確認いただくか、リンクを受け取った場所から開き直してください。")
        case .contentTooLarge:
            Words("データが大きすぎます", "一度に送る量を減らしてください。")
        case .tooManyRequests:
            Words("リクエストが多すぎます", "お使いのネットワークからのリクエストが多すぎます。少し待ってから、ページを再読み込みしてください。")
        case .headTooLarge:
            Words("ブラウザーの送信データが大きすぎます", "多くの場合は Cookie が原因です。このサイトの Cookie を削除してから、リンクを開き直してください。")
        case .badGateway:
            Words("サービスに接続できません", "原因は当サービス側にあります。")
        case .unavailable:
            Words("現在サービスを利用できません", "原因は当サービス側にあります。")
        case .gatewayTimeout:
            Words("サービスから応答がありません", "原因は当サービス側にあります。")
        case .other:
            Words("処理できませんでした", "前のページに戻ってもう一度試すか、リンクを開き直してください。")
        }
    }

    static func text(_ label: Label) -> String {
        switch label {
        case .useHere: "こちらで視聴する"
        case .tryAgain: "もう一度試す"
        case .comeBack: "イベントに戻る"
        case .goBack: "戻る"
        case .openInTab: "新しいタブで開く"
        case .allow: "ここで許可する"
        case .home: "{name}のサイトへ"
        case .contact: "{name}に問い合わせる"
        case .notAllowed: "ブラウザーで許可されませんでした。新しいタブでイベントを開くか、このサイトの Cookie を許可してください。"
        case .late: "待ち時間が長すぎました。このページを表示しているページを再読み込みするか、リンクをもう一度開いてください。"
        case .activeFor: "別の場所で視聴中の時間：{time}"
        case .freeIn: "そちらをすでに閉じている場合、最長 {time}で視聴できるようになります。その時に自動的にもう一度試します。"
        case .opensIn: "開場まで {time}です。開場すると自動的に進みます。"
        case .validIn: "リンクは {time}後に使用できます。その時刻になると自動的に進みます。"
        case .returnsIn: "{time}後に再び参加できます。その時刻になると自動的に進みます。"
        case .retriesIn: "このページは {time}後に自動的にもう一度試します。"
        case .tryLater: "しばらくしてからもう一度お試しください。"
        case .moment: "少し"
        case .seconds: "{count} 秒"
        case .underAMinute: "1 分未満"
        case .aMinute: "1 分"
        case .minutes: "{count} 分"
        case .anHour: "1 時間"
        case .hours: "{count} 時間"
        case .days: "{count} 日"
        case .daysAndHours: "{days}と {hours}"
        }
    }
}
