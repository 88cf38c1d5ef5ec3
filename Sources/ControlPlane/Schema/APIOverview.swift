/// What the OpenAPI document says about all calls together: Markdown without tables and links.
enum APIOverview {
    static let text = """
        A company's backend makes events, asks for the addresses that it puts into iframes and invitations, and learns who came. \
        All calls take and give JSON in UTF-8.

        ## Credentials

        The operator of the gateway gives a company its id and a client secret. `POST /api/oauth/token` exchanges them for an \
        API token, which is valid for an hour: send it as `Authorization: Bearer …` with every other call. Keep the secret and \
        the token in the backend, never in a page. A token opens only its own company: whatever belongs to another one is 404, \
        as if it did not exist.

        ## Errors

        An error has `hasError`, an `errorMessage` for people, a `code` for programs and a `requestId`, which finds the request \
        in the operator's log. Status 400 names everything that is wrong at once: `problems` has a `field` and a `message` for \
        each. Members and query parameters that a call does not know are refused, not ignored; a call that takes no body \
        accepts none, or an empty object.

        - 401 `unauthorized`: get a new token.
        - 403 `company_suspended`: ask the operator.
        - 404 `not_found`: also for what belongs to another company. `no_such_call`: the path is wrong.
        - 405 `method_not_allowed`: `Allow` names the methods of the path.
        - 409: what the call asks for contradicts what is there; the code says how.
        - 413 `too_large` and 415 `unsupported_media_type`: the body is too long, or not JSON.
        - 422 `idempotency_key_reused`: the name of another call.
        - 429 and 503: wait for `Retry-After` seconds, then repeat.
        - 500 `internal_error`: not your fault; tell the operator the `requestId`.

        A request that does not reach the API, such as one with an ambiguous path or one too many from its address, is answered \
        as `application/problem+json` with the same members.

        ## Lists

        A list of events or registrations is complete, in one answer. With a `limit` it comes in pages: as long as there is more, \
        the `Link` field of the answer has the address of the next page, with `rel="next"` and the same filters. `X-Total-Count` \
        is the number of entries on all pages. A webhook's deliveries always come in pages.

        ## Repeating calls

        Every POST takes an `Idempotency-Key`: a name for the call, best a UUID. If an answer was lost, repeat the call with the \
        same name within a day: it has no second effect, and gets the first answer with `Idempotent-Replayed: true`.

        ## Webhooks

        A webhook is an address of your backend that is told what happens: people register, come and go, events change, start \
        and end. The section `webhooks` has every message. Each is signed as in Standard Webhooks, with a secret that is shown \
        once, and repeated for a day until it is answered with a status of 2xx; so a message may come twice, with the same \
        `webhook-id`. Answer within ten seconds, and work afterwards. `POST …/test` tries it out, `GET …/deliveries` shows what \
        became of each message.
        """

    /// The groups of calls in reading order.
    static let tags: [(name: String, description: String)] = [
        ("Credentials", "How a backend gets its API token."),
        ("Company", "The company, its events, and what it has about a person."),
        ("Events", "Webinars: making them, letting people in, and who was there."),
        ("Networking hubs", "The same for networking hubs, which may always be open."),
        ("Webhooks", "Calls to your backend when something happens."),
        ("Document", "The description of the API."),
    ]
}
