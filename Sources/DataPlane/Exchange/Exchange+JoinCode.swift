import Admission
import Basics
import GatewayConfiguration
import JOSE

extension Exchange {
    /// Redirects to the same place with the registration's token instead of its join code.
    ///
    /// - Parameter event: the event named by the path.
    func redeem(_ code: Range<Int>, _ request: RequestView, event: Span<UInt8>) {
        let site = worker.site
        let known = request.bytes.linkJoinCode(code)
        guard let known, let person = site.directory.person(for: known) else {
            if let known, site.directory.isRemoved(known) {
                let isDeleted = site.directory.isDeleted(String(decoding: event.copied(), as: UTF8.self))
                refuse(.registrationRemoved, request, topic: isDeleted ? .eventDeleted : nil)
            } else {
                // Guessing a code counts as guessing a token.
                refuseGuess(.tokenInvalid, request)
            }
            return
        }
        guard event.equals(person.event), let record = site.directory.event(person.event),
            let company = snapshot.authority.company(record.company), let name = snapshot.settings.tokens.query.first
        else {
            refuse(.wrongEvent, request)
            return
        }
        guard company.signingKey != nil else {
            // Suspended.
            refuse(.tokenInvalid, request)
            return
        }
        do throws(KeyError) {
            let made = try snapshot.viewerTokens.registration(person, closesAt: record.closesAt, company: company)
            let place = request.location
            redirect(to: place + (place.contains("?") ? "&" : "?") + "\(name)=\(made.token)")
        } catch {
            respond(status: 500)
        }
    }
}

extension Span<UInt8> {
    /// Whether the bytes are the UTF-8 of `text`.
    fileprivate func equals(_ text: String) -> Bool { equals(text.utf8Span.span, in: indices) }
}
