import Admission
import JOSE
import Testing

@Suite("Refusals: a closed list")
struct RefusalTests {
    @Test(
        "Code, status and close code are the documented ones",
        arguments: [
            (Refusal.tokenMissing, "token_missing", 401, nil),
            (.tokenInvalid, "token_invalid", 401, 4401),
            (.tokenExpired, "token_expired", 401, 4401),
            (.tokenNotYetValid, "token_not_yet_valid", 401, nil),
            (.tokenConflict, "token_conflict", 400, nil),
            (.cookiesBlocked, "cookies_blocked", 401, nil),
            (.wrongEvent, "wrong_event", 403, 4403),
            (.originDenied, "origin_denied", 403, nil),
            (.addressDenied, "address_denied", 403, 1008),
            (.registrationRemoved, "registration_removed", 403, 4410),
            (.viewerRemoved, "viewer_removed", 403, 4411),
            (.notOpen, "not_open", 403, nil),
            (.eventOver, "event_over", 403, 4413),
            (.sessionReplaced, "session_replaced", 409, 4409),
            (.sessionLeft, "session_left", 409, 1000),
            (.roleChanged, "role_changed", 409, 4412),
            (.alreadyActive, "already_active", 409, nil),
            (.tooManyJoins, "too_many_joins", 429, 4429),
            (.draining, "draining", 503, 1001),
            (.tryAgain, "try_again", 503, 1013),
            (.upstreamUnavailable, "upstream_unavailable", 502, 1014),
            (.upstreamTimeout, "upstream_timeout", 504, 1014),
        ] as [(Refusal, String, Int, Int?)]
    )
    func documented(refusal: Refusal, code: String, status: Int, closeCode: Int?) {
        #expect(refusal.code == code)
        #expect(refusal.status == status)
        #expect(refusal.closeCode == closeCode)
    }

    @Test("Every refusal has its own code", arguments: Refusal.allCases)
    func complete(refusal: Refusal) {
        #expect(Refusal.allCases.filter { $0.code == refusal.code }.count == 1)
    }

    @Test("A 401 for a token that was sent has invalid_token; without a token there is no error code")
    func bearerError() {
        for refusal in [Refusal.tokenInvalid, .tokenExpired, .tokenNotYetValid] {
            #expect(refusal.bearerError == "invalid_token")
        }
        #expect(Refusal.tokenMissing.bearerError == nil)
        #expect(Refusal.cookiesBlocked.bearerError == nil)
    }

    @Test(
        "A viewer learns whether time will help, and nothing else about a token's fault",
        arguments: [
            TokenFault.tooLarge, .malformed, .encoding, .header, .algorithm, .critical, .unknownKey, .signature,
            .claims,
            .claim("sub"), .expired, .notYetValid, .expiryMissing, .issuer, .audience, .company, .type, .unchecked,
        ]
    )
    func faults(fault: TokenFault) {
        let expected: Refusal =
            switch fault {
            case .expired: .tokenExpired
            case .notYetValid: .tokenNotYetValid
            case .unchecked: .tooManyJoins
            default: .tokenInvalid
            }
        #expect(Refusal(fault) == expected)
    }
}
