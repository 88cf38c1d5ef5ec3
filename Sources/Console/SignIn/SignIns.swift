import Basics
import GatewayConfiguration
import JOSE
import Synchronization

/// Who has signed in to the console. In memory: a new process asks everybody again.
///
/// A browser holds 256 random bits, and this their hash. A sign-in ends with its time, with a sign-out, and as soon as the
/// token that it was made with is no longer the configuration's.
final class SignIns: Sendable {
    static let cookieName = "gateway-console"
    /// How long a sign-in lasts.
    static let lifetime: Milliseconds = 12 * 3_600_000
    /// The most at a time. Beyond that, the oldest ends.
    static let limit = 256

    private struct SignIn {
        let role: ConsoleRole
        /// The hash of the token that was shown.
        let token: [UInt8]
        let formKey: String
        let endsAt: Milliseconds
    }

    private let all = Mutex<[[UInt8]: SignIn]>([:])

    /// Signs somebody in who shows a token.
    ///
    /// - Returns: the cookie's value and the role. `nil` if it is no token of the configuration.
    func begin(token: [UInt8], _ settings: AdminSettings, at now: Milliseconds) -> (cookie: String, role: ConsoleRole)?
    {
        let hash = SHA256.hash(token.span)
        guard let role = Self.role(of: hash, settings) else { return nil }
        let (cookie, formKey) = (Self.random(), Self.random())
        let signIn = SignIn(role: role, token: hash, formKey: formKey, endsAt: now + Self.lifetime)
        all.withLock { all in
            all = all.filter { $0.value.endsAt > now }
            if all.count >= Self.limit, let oldest = all.min(by: { $0.value.endsAt < $1.value.endsAt }) {
                all.removeValue(forKey: oldest.key)
            }
            all[Self.key(cookie)] = signIn
        }
        return (cookie, role)
    }

    /// The visitor who shows this cookie. `nil` if they have to sign in.
    func visitor(cookie: String, _ settings: AdminSettings, at now: Milliseconds) -> Visitor? {
        guard let signIn = all.withLock({ $0[Self.key(cookie)] }), signIn.endsAt > now,
            Self.role(of: signIn.token, settings) == signIn.role
        else { return nil }
        return Visitor(role: signIn.role, formKey: signIn.formKey)
    }

    func end(cookie: String) { all.withLock { _ = $0.removeValue(forKey: Self.key(cookie)) } }

    /// What the token with this hash allows. Takes the same time for every token.
    private static func role(of hash: [UInt8], _ settings: AdminSettings) -> ConsoleRole? {
        func isSame(_ token: Secret?) -> Bool {
            guard let token else { return false }
            return equalInConstantTime(hash.span, SHA256.hash(token.bytes.span).span)
        }
        let (acts, reads) = (isSame(settings.token), isSame(settings.readToken))
        return acts ? .operator : reads ? .reader : nil
    }

    /// What is looked up is the hash of what was shown, so that the time of a search tells nothing about what would be
    /// found.
    private static func key(_ cookie: String) -> [UInt8] { SHA256.hash(cookie.utf8Span.span) }

    private static func random() -> String {
        String(decoding: Base64URL.encode(SystemRandom.bytes(32).span), as: UTF8.self)
    }

    /// The value of our cookie among those that a browser sends. `nil` if there is none, or more than one: somebody else
    /// may have set it for the same host.
    static func cookie(in field: [UInt8]) -> String? {
        let wanted = Array("\(cookieName)=".utf8)
        let ours = field.split(separator: UInt8(ascii: ";")).compactMap { part -> String? in
            let pair = part.drop { $0 == UInt8(ascii: " ") }
            guard pair.starts(with: wanted) else { return nil }
            return String(decoding: pair.dropFirst(wanted.count), as: UTF8.self)
        }
        return ours.count == 1 ? ours[0] : nil
    }
}
