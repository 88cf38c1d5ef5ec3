import Admission
import GatewayConfiguration
import JOSE

extension Exchange {
    /// Leads on to the same place with the registration's token in place of its join code.
    ///
    /// - Parameter event: the event that the path names.
    func redeem(_ code: Range<Int>, _ bytes: Span<UInt8>, event: Span<UInt8>) {
        let site = worker.site
        let known = JoinCode(bytes.linkToken(code).span)
        guard let known, let person = site.directory.person(for: known) else {
            if let known, site.directory.isRemoved(known) {
                refuse(.registrationRemoved, bytes)
            } else {
                // Guessing a code is guessing a token.
                refuseGuess(.tokenInvalid, bytes)
            }
            return
        }
        guard event.equals(person.event), let record = site.directory.event(person.event),
            let company = snapshot.companies[ExactText(record.company)], let name = snapshot.settings.tokens.query.first
        else {
            refuse(.wrongEvent, bytes)
            return
        }
        do throws(KeyError) {
            let closesAt = record.closesAt ?? 0
            let made = try snapshot.viewerTokens.registration(person, closesAt: closesAt, company: company)
            let place = location(bytes)
            redirect(to: place + (place.contains("?") ? "&" : "?") + "\(name)=\(made.token)")
        } catch {
            respond(status: 500)
        }
    }
}

extension Span<UInt8> {
    /// Whether these are the octets of a text.
    fileprivate func equals(_ text: String) -> Bool { equals(text.utf8Span.span, in: indices) }
}
