import Admission
import Basics
import HTTPTypes
import JOSE

/// The call with which a company's backend gets its API token
/// ([RFC 6749, section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
enum TokenCalls {
    static let calls = [
        Call(
            method: .post,
            path: "/api/oauth/token",
            id: "createToken",
            summary: "Gives an API token to a company's backend",
            tag: "Credentials",
            body: .named(
                "TokenRequest",
                .object([
                    Schema.Member(
                        name: "grant_type",
                        schema: .choice(["client_credentials"]),
                        isRequired: true
                    ),
                    Schema.Member(
                        name: "client_id",
                        schema: .text(Text(kind: .plain, maxLength: 256)),
                        description: "The company's id; not with HTTP Basic."
                    ),
                    Schema.Member(
                        name: "client_secret",
                        schema: .text(Text(kind: .plain, maxLength: 4096)),
                        description: "Not with HTTP Basic."
                    ),
                    Schema.Member(
                        name: "audience",
                        schema: .nullable(.text(Text(kind: .any))),
                        description: "Not looked at."
                    ),
                ])
            ),
            maxBody: 8 << 10,
            takesForms: true,
            inspect: { members throws(Fault) in
                guard case .string(let type)? = members["grant_type"],
                    !type.hasSameBytes(as: "client_credentials")
                else { return }
                throw unsupportedGrant
            },
            hasOAuthFaults: true,
            success: Call.Success(
                schema: .named(
                    "Token",
                    .object([
                        Schema.Member(name: "access_token", schema: .anyText, isRequired: true),
                        Schema.Member(name: "token_type", schema: .choice(["Bearer"]), isRequired: true),
                        Schema.Member(
                            name: "expires_in",
                            schema: .integer(1...Int(AccessToken.lifetime)),
                            isRequired: true,
                            description: "Seconds."
                        ),
                    ])
                ),
                description: "The token"
            ),
            faults: [401, 429],
            handler: .open { try token($0) }
        )
    ]

    private static func token(_ incoming: Incoming) throws -> Answer {
        let (plane, snapshot) = (incoming.plane, incoming.snapshot)
        guard let credentials = try ClientCredentials(incoming.head.headerFields, incoming.body) else {
            throw invalidClient(isBasic: false)
        }
        let tenant = snapshot.tenant(credentials.id)
        // Compare before checking that the company exists, so that the time does not reveal it.
        let shown = credentials.secret(of: tenant)
        guard let tenant, let secret = shown else {
            throw invalidClient(isBasic: credentials.isBasic)
        }
        if tenant.isSuspended {
            // RFC 6749 section 5.2 has no other error for it.
            throw suspendedClient
        }
        let token = try AccessToken.make(for: tenant, by: secret, snapshot, now: plane.now)
        return Answer(
            .object([
                JSONMember("access_token", .string(token)), JSONMember("token_type", .string("Bearer")),
                JSONMember("expires_in", .number(Double(AccessToken.lifetime))),
            ])
        )
    }

    static let unsupportedGrant = {
        let problem = Problem("grant_type", "must be \"client_credentials\"")
        var fault = Fault(.badRequest, "unsupported_grant_type", problem.sentence)
        fault.problems = [problem]
        return fault
    }()

    static let suspendedClient = Fault(.badRequest, "unauthorized_client", Fault.suspended.message)

    static func invalidClient(isBasic: Bool) -> Fault {
        var fault = Fault(.unauthorized, "invalid_client", "The client is not known, or its secret is wrong")
        fault.fields[.wwwAuthenticate] = isBasic ? "Basic realm=\"api\"" : "Bearer"
        return fault
    }
}
