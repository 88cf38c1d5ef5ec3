import Basics
import JOSE

/// How long what came before a new key or secret stays good.
enum Overlap: String, CaseIterable {
    case revoked, hour, day, week

    private var words: String {
        switch self {
        case .revoked: "until they are revoked"
        case .hour: "for an hour"
        case .day: "for a day"
        case .week: "for a week"
        }
    }

    private var length: Milliseconds? {
        switch self {
        case .revoked: nil
        case .hour: 3_600_000
        case .day: 86_400_000
        case .week: 7 * 86_400_000
        }
    }

    static func field(_ label: String) -> HTML {
        let options = allCases.map { "<option value=\"\($0.rawValue)\">\($0.words)</option>" as HTML }
        return "<label>\(label) <select name=\"previous\">\(options)</select></label>"
    }

    /// The moment that a form's choice means. `nil` if only a revocation ends them.
    static func end(_ form: Form, at now: Milliseconds, back: String) throws(ConsoleFault) -> Milliseconds? {
        guard let text = form["previous"] else { return nil }
        guard let choice = allCases.first(where: { $0.rawValue.hasSameBytes(as: text) }) else {
            throw ConsoleFault("Choose how long the earlier ones stay good.", back: back)
        }
        return choice.length.map { now + $0 }
    }

    static func member(_ until: Milliseconds) -> JSONMember {
        JSONMember("previousUntil", .string(Timestamp.text(until)))
    }
}

/// A key that an operator adds.
struct NewKey {
    /// The members of the call that adds it.
    let members: [JSONMember]
    /// A secret that the console has made, to be shown once. `nil` if there is none.
    var made: String?

    private enum Kind: String, CaseIterable {
        case signs, secret, publicKey, jwksUrl

        var words: String {
            switch self {
            case .signs: "signs the gateway's links: made here, shown to nobody"
            case .secret: "shared secret, with which the company signs"
            case .publicKey: "public key of the company, as PEM"
            case .jwksUrl: "key set of the company, by its https address"
            }
        }
    }

    private static let white = " \t\r\n".utf8

    /// - Throws: what is wrong with the form, as far as the API does not judge it.
    init(_ form: Form, at now: Milliseconds, back: String) throws(ConsoleFault) {
        func fault(_ text: String) -> ConsoleFault { ConsoleFault(text, back: back) }
        guard let kind = Kind.allCases.first(where: { form["kind"].hasSameBytes(as: $0.rawValue) }) else {
            throw fault("Choose a kind of key.")
        }
        let bytes = Array((form["content"] ?? "").utf8)
        let end = (bytes.lastIndex { !Self.white.contains($0) } ?? -1) + 1
        let content = String(decoding: bytes[..<end].drop { Self.white.contains($0) }, as: UTF8.self)
        var members: [JSONMember] = []
        if let id = form["kid"] { members.append(JSONMember("id", .string(id))) }
        if kind != .jwksUrl, let name = form["algorithm"] { members.append(JSONMember("algorithm", .string(name))) }
        let until = try Overlap.end(form, at: now, back: back)
        guard until == nil || kind == .signs else {
            throw fault("Earlier signing keys end only with a new key that signs the gateway's links.")
        }
        switch (kind, content.isEmpty) {
        case (.signs, true): if let until { members.append(Overlap.member(until)) }
        case (.signs, false): throw fault("A key that is made here takes no content: clear the field.")
        case (.secret, true):
            // As long as the strongest of the algorithms asks for.
            let text = String(decoding: Base64URL.encode(SystemRandom.bytes(64).span), as: UTF8.self)
            made = text
            members.append(JSONMember("secret", .string(text)))
        case (_, true): throw fault("Enter the \(kind == .jwksUrl ? "address" : "key").")
        case (_, false): members.append(JSONMember(kind.rawValue, .string(content)))
        }
        self.members = members
    }

    static func form(_ company: String, _ visitor: Visitor) -> HTML {
        let kinds = Kind.allCases.map { "<option value=\"\($0.rawValue)\">\($0.words)</option>" as HTML }
        let algorithms = Algorithm.allCases.map { "<option>\($0.rawValue)</option>" as HTML }
        return """
            <details class="add"><summary>Add a key</summary>
            <form class="filter" method="post" action="/console/companies/keys/add">\(Page.key(visitor))
            <input type="hidden" name="company" value="\(company)">
            <label>Kind <select name="kind">\(kinds)</select></label>
            <label>Algorithm (not for key sets) <select name="algorithm">\(algorithms)</select></label>
            <label>Key id (optional) <input name="kid" maxlength="128" autocomplete="off"></label>
            \(Overlap.field("Earlier signing keys stay good"))
            <label class="long">Key or address (empty: made here; a shared secret is then shown once)
            <textarea name="content" rows="4" maxlength="4000" autocomplete="off" spellcheck="false"></textarea></label>
            <button class="main">Add the key</button>
            </form></details>
            """
    }
}

/// A secret in the answer to the call that made it.
struct NewSecretPage {
    let secret: String
    let id: String
    let company: String

    var html: HTML {
        """
        <p class="notice" role="status">The secret was made. It is shown this once: copy it now, and keep it like a password.</p>
        <dl class="facts">
        <dt>Company</dt><dd>\(OutsideText.html(company))</dd>
        <dt>Id</dt><dd><code>\(OutsideText.plain(id))</code></dd>
        <dt>Secret</dt><dd><code class="once" data-once>\(secret)</code></dd>
        </dl>
        <p><a class="button" href="\(CompanyPage.path(company))">I have copied it</a></p>

        """
    }
}
