import Testing

/// The messages for invalid tokens, sessions, identity, limits, control and log.
@Suite struct BadSectionTests {
    @Test("Each invalid setting gets an exact message", arguments: cases)
    func isReported(_ bad: BadConfiguration) {
        #expect(problems(Sample(bad.part, bad.body).text) == bad.problems)
    }

    static let cases: [BadConfiguration] = [
        .init(.tokens, "query = [\"a=b\"]", "tokens.query[0]: \"a=b\" is not a name of letters, digits, -, ., _ and ~"),
        .init(.tokens, "query = [\"jwt\", \"jwt\"]", "tokens.query[1]: stands there twice"),
        .init(.tokens, "query = [\"\"]", "tokens.query[0]: \"\" is not a name of letters, digits, -, ., _ and ~"),
        .init(.tokens, "leeway = \"1h\"", "tokens.leeway: \"1h\" is out of range: 0ms to 5m"),
        .init(.tokens, "leeway = \"-1s\"", "tokens.leeway: \"-1s\" \(BadListenerTests.duration)"),
        .init(.tokens, "leeway = \"1h30m\"", "tokens.leeway: \"1h30m\" \(BadListenerTests.duration)"),
        .init(.tokens, "leeway = \"99999999999999999999s\"", "tokens.leeway: \"99999999999999999999s\" is too long"),
        .init(.tokens, "leeway = \"9223372036854775807d\"", "tokens.leeway: \"9223372036854775807d\" is too long"),
        .init(.tokens, "require_expiry = 1", "tokens.require_expiry: expected true or false, found the integer 1"),
        .init(.tokens, "embed_lifetime = \"1s\"", "tokens.embed_lifetime: \"1s\" is out of range: 1m to 365d"),
        .init(
            .tokens,
            "registration_lifetime = \"3651d\"",
            "tokens.registration_lifetime: \"3651d\" is out of range: 1m to 3650d"
        ),
        .init(
            .tokens,
            "max_size = 8192",
            "tokens.max_size: expected a size such as \"64KiB\", found the integer 8192"
        ),
        .init(
            .tokens,
            "max_size = \"8KB\"",
            "tokens.max_size: \"8KB\" is not a size such as \"64KiB\" (units: B, KiB, MiB, GiB, TiB)"
        ),
        .init(.tokens, "max_size = \"8388608TiB\"", "tokens.max_size: \"8388608TiB\" is too large"),
        .init(.tokens, "max_size = \"2MiB\"", "tokens.max_size: \"2MiB\" is out of range: 512B to 1MiB"),
        .init(
            .tokens,
            "max_size = \"64KiB\"",
            "limits.header_size: \"32KiB\" is less than tokens.max_size, \"64KiB\""
        ),
        .init(.tokens, "claims = 5", "tokens.claims: expected a table [tokens.claims], found the integer 5"),
        .init(.tokens, "[tokens.claims]\nevent = \"\"", "tokens.claims.event: must not be empty"),
        .init(.tokens, "[tokens.claims]\nevent = \"exp\"", "tokens.claims.event: \"exp\" is a time in every token"),
        .init(
            .tokens,
            "[tokens.claims]\nregistration = \"eventId\"",
            "tokens.claims.registration: \"eventId\" is the name of event too"
        ),
        .init(
            .tokens,
            "[tokens.claims]\nevent_specific = \"sub\"",
            "tokens.claims.event_specific: \"sub\" is the name of user_id too"
        ),
        .init(
            .tokens,
            "[tokens.claims]\nuserid = \"x\"",
            "tokens.claims.userid: unknown key; did you mean \"user_id\"?"
        ),
        .init(
            .rest,
            "[sessions]\nsecond_join = \"takeover\"",
            "sessions.second_join: \"takeover\" is not one of \"take_over\", \"ask\", \"refuse\""
        ),
        .init(
            .rest,
            "[sessions]\napplies_to = \"embed\"",
            "sessions.applies_to: \"embed\" is not one of \"registrations\", \"all\""
        ),
        .init(
            .rest,
            "[sessions]\nidle_timeout = \"999ms\"",
            "sessions.idle_timeout: \"999ms\" is out of range: 1s to 1d"
        ),
        .init(
            .rest,
            "[sessions]\nmax_lifetime = \"1m\"",
            "sessions.max_lifetime: \"1m\" is less than idle_timeout, \"90s\""
        ),
        .init(
            .rest,
            "[sessions]\non_role_change = \"close\"",
            "sessions.on_role_change: \"close\" is not one of \"keep\", \"reconnect\""
        ),
        .init(.rest, "[sessions]\ntake_over_limit = 0", "sessions.take_over_limit: 0 is out of range: 1 to 1000"),
        .init(.rest, "[sessions]\ncookie_key_file = \"\"", "sessions.cookie_key_file: must not be empty"),
        .init(
            .rest,
            "[sessions]\nidle-timeout = \"5s\"",
            "sessions.idle-timeout: unknown key; did you mean \"idle_timeout\"?"
        ),
        .init(
            .rest,
            "[identity]\nheader_prefix = \"X-Gateway\"",
            "identity.header_prefix: \"X-Gateway\" is not letters, digits and - that end in -, such as \"X-Gateway-\""
        ),
        .init(
            .rest,
            "[identity]\nheader_prefix = \"X_Gateway-\"",
            "identity.header_prefix: \"X_Gateway-\" is not letters, digits and - that end in -, such as \"X-Gateway-\""
        ),
        .init(
            .rest,
            "[identity]\nheader_prefix = \"\"",
            "identity.header_prefix: \"\" is not letters, digits and - that end in -, such as \"X-Gateway-\""
        ),
        .init(
            .rest,
            "[identity]\nheader_prefix = \"x-forwarded-\"",
            "identity.header_prefix: \"x-forwarded-\" would take x-forwarded-for from requests"
        ),
        .init(
            .rest,
            "[identity]\nheader_prefix = \"Content-\"",
            "identity.header_prefix: \"Content-\" would take content-length from requests"
        ),
        .init(
            .rest,
            "[identity]\nclaims = \"tier\"",
            "identity.claims: expected a table [identity.claims], found the string \"tier\""
        ),
        .init(
            .rest,
            "[identity.claims]\nRole = \"r\"\n\"a b\" = \"x\"\ntier = \"t\"\nTier = 5\nUSER-ID = \"\"",
            "identity.claims.Role: is a field that is there already",
            "identity.claims.Tier: expected a string, found the integer 5",
            "identity.claims.USER-ID: is a field that is there already",
            "identity.claims.USER-ID: must not be empty",
            "identity.claims.\"a b\": \"a b\" is no field name of letters, digits and -, such as \"Tier\"",
            "identity.claims.tier: is a field that is there already"
        ),
        .init(
            .rest,
            "[identity]\nassertion_key_file = 5",
            "identity.assertion_key_file: expected a path, found the integer 5"
        ),
        .init(
            .rest,
            "[limits]\nheader_size = \"1KB\"",
            "limits.header_size: \"1KB\" is not a size such as \"64KiB\" (units: B, KiB, MiB, GiB, TiB)"
        ),
        .init(
            .rest,
            "[limits]\nheader_size = \"512B\"",
            "limits.header_size: \"512B\" is out of range: 1KiB to 1MiB"
        ),
        .init(.rest, "[limits]\nheader_count = 5", "limits.header_count: 5 is out of range: 10 to 10000"),
        .init(
            .rest,
            "[limits]\nheader_count = 50.5",
            "limits.header_count: expected an integer, found the number 50.5"
        ),
        .init(
            .rest,
            "[limits]\nbody_size = \"2048TiB\"",
            "limits.body_size: \"2048TiB\" is out of range: 0B to 1024TiB"
        ),
        .init(
            .rest,
            "[limits]\nheader_timeout = \"1ms\"",
            "limits.header_timeout: \"1ms\" is out of range: 100ms to 1h"
        ),
        .init(.rest, "[limits]\nidle_timeout = \"25h\"", "limits.idle_timeout: \"25h\" is out of range: 100ms to 1d"),
        .init(.rest, "[limits]\nconnections = 0", "limits.connections: 0 is out of range: 1 to 10000000"),
        .init(
            .rest,
            "[limits]\nconnections_per_address = -1",
            "limits.connections_per_address: -1 is out of range: 0 to 10000000"
        ),
        .init(
            .rest,
            "[limits]\nmin_rate = 256",
            "limits.min_rate: expected a size such as \"64KiB\", found the integer 256"
        ),
        .init(.rest, "[limits]\njoins_per_minute = -1", "limits.joins_per_minute: -1 is out of range: 0 to 1000000"),
        .init(
            .rest,
            "[limits]\nfailures_per_minute = 9223372036854775807",
            "limits.failures_per_minute: 9223372036854775807 is out of range: 0 to 1000000"
        ),
        .init(
            .rest,
            "[limits]\ntrusted_proxies = [\"10.0.0.0/33\", \"10.0.0.1/8\", \"ten\", \"::/0\", \"::/0\"]",
            "limits.trusted_proxies[0]: \"10.0.0.0/33\": the prefix length must be 0 to 32",
            "limits.trusted_proxies[1]: \"10.0.0.1/8\" has bits set after the first 8",
            "limits.trusted_proxies[2]: \"ten\" is not an address range such as \"10.0.0.0/8\" or \"2001:db8::/32\"",
            "limits.trusted_proxies[4]: stands there twice"
        ),
        .init(
            .rest,
            "[limits]\nheader_sise = \"1KiB\"",
            "limits.header_sise: unknown key; did you mean \"header_size\"?"
        ),
        .init(.rest, "[limits]\nlevel = \"info\"", "limits.level: unknown key; it belongs in [log]"),
        .init(
            .rest,
            "[control]\nenabled = true",
            "control.enabled: no route leads to it: add one with path \"/api/**\" and upstream \"control\"",
            "control.enabled: no \"token\" route is over /networking/{event}, where its events are: add /networking/{event}/**"
        ),
        .init(
            .rest,
            "[control]\nwebhook_private_addresses = [\"10.0.0.0/8\"]",
            "control.webhook_private_addresses: has no effect while control.enabled is false"
        ),
        .init(
            .rest,
            "[control]\ndatabase = \"/x.sqlite\"",
            "control.database: has no effect while control.enabled is false"
        ),
        .init(
            .rest,
            "[control.retention]\nstays = \"59m\"\nremoved = \"36501d\"\nwebhooks = 7",
            "control.retention.stays: \"59m\" is out of range: 1h to 36500d",
            "control.retention.removed: \"36501d\" is out of range: 1h to 36500d",
            "control.retention.webhooks: expected a duration such as \"90s\", found the integer 7"
        ),
        .init(
            .rest,
            "[log]\nlevel = \"verbose\"",
            "log.level: \"verbose\" is not one of \"debug\", \"info\", \"notice\", \"warning\", \"error\""
        ),
        .init(.rest, "[log]\nformat = \"xml\"", "log.format: \"xml\" is not one of \"json\", \"text\""),
        .init(.rest, "[log]\naccess = \"off\"", "log.access: expected true or false, found the string \"off\""),
        .init(
            .rest,
            "[log]\naccess_format = \"combine\"",
            "log.access_format: \"combine\" is not one of \"json\", \"text\", \"combined\", nor fields such as "
                + "\"{client} {path}\"; did you mean \"combined\"?"
        ),
        .init(
            .rest,
            "[log]\naccess_format = \"{client} {user_agnet}\"",
            "log.access_format: no field is named {user_agnet}; did you mean {user_agent}?"
        ),
        .init(
            .rest,
            "[log]\naccess_format = \"{client} {cookie}\"",
            "log.access_format: no field is named {cookie}; there are time, time_common, client, method, path, protocol, "
                + "status, duration_ms, connect_ms, head_ms, request_bytes, response_bytes, tls, server_name, route, "
                + "upstream, company, token, token_sha256, event, session, role, verdict, refusal, fault, cut, referer, "
                + "user_agent, request_id, trace_id"
        ),
        .init(.rest, "[log]\naccess_format = \"{client\"", "log.access_format: holds a { without its }"),
        .init(.rest, "[log]\naccess_format = \"client}\"", "log.access_format: holds a } that no { precedes"),
        .init(
            .rest,
            "[log]\naccess_format = \"{client}\\u001b[2J\"",
            "log.access_format: may hold only ASCII text between its fields, without line ends"
        ),
        .init(
            .rest,
            "[log]\naccess_format = \"{client}\\n{path}\"",
            "log.access_format: may hold only ASCII text between its fields, without line ends"
        ),
        .init(
            .rest,
            "[log]\naccess_output = \"stdot\"",
            "log.access_output: \"stdot\" is not \"stdout\", \"stderr\", the full path of a file, nor "
                + "\"syslog:/dev/log\"; did you mean \"stdout\"?"
        ),
        .init(
            .rest,
            "[log]\noutput = \"logs/gateway.log\"",
            "log.output: \"logs/gateway.log\" is not \"stdout\", \"stderr\", the full path of a file, nor \"syslog:/dev/log\""
        ),
        .init(
            .rest,
            "[log]\noutput = \"syslog:server=unix:/dev/log\"",
            "log.output: \"syslog:server=unix:/dev/log\": the path after syslog: must begin with /, as in syslog:/dev/log"
        ),
        .init(
            .rest,
            "[log]\nsyslog_tag = \"a b\"",
            "log.syslog_tag: \"a b\" is not 1 to 32 letters, digits, -, . and _"
        ),
        .init(.rest, "[log]\naccess_sample = 1.5", "log.access_sample: 1.5 is out of range: 0.0 to 1.0"),
        .init(.rest, "[log]\naccess_sample = -1", "log.access_sample: -1.0 is out of range: 0.0 to 1.0"),
        .init(
            .rest,
            "[log]\naccess_sample = \"all\"",
            "log.access_sample: expected a number from 0.0 to 1.0, found the string \"all\""
        ),
        .init(
            .rest,
            "[tracing]\nendpoint = \"localhost:4318\"",
            "tracing.endpoint: \"localhost:4318\" is not a URL: it must begin with https:// or http://"
        ),
        .init(
            .rest,
            "[tracing]\nendpoint = \"http://localhost:4318\"",
            "tracing.endpoint: \"http://localhost:4318\" has no path: collectors usually take traces at /v1/traces"
        ),
        .init(
            .rest,
            "[tracing]\nendpoint = \"http://localhost:4318/v1/traces?key=x\"",
            "tracing.endpoint: it must not have a query or fragment; a key for the collector belongs in headers_file"
        ),
        .init(.rest, "[tracing]\nsample = 2", "tracing.sample: 2.0 is out of range: 0.0 to 1.0"),
        .init(
            .rest,
            "[tracing]\nparent = \"all\"",
            "tracing.parent: \"all\" is not one of \"anyone\", \"trusted_proxies\", \"nobody\""
        ),
        .init(
            .rest,
            "[tracing]\nheaders_file = \"/secret\"",
            "tracing.headers_file: /secret: line 1 is not a field such as \"Authorization: Bearer …\""
        ),
        .init(
            .rest,
            "[tracing]\nbatch_size = 512\nqueue_size = 100",
            "tracing.queue_size: 100 is less than batch_size, 512"
        ),
        .init(.rest, "[sesions]\nx = 1", "sesions: unknown key; did you mean \"sessions\"?"),
    ]
}
