import Admission
import Basics
import JOSE

extension Settings {
    /// The effective settings as a configuration file that loads to the same settings.
    ///
    /// Files appear as their paths. Secrets are in files, so none can appear, and a password of the database is left out.
    /// Environment variables are replaced by their values.
    package func printed() -> String {
        var writer = TOMLWriter()
        writer.entry("public_url", publicURL.text)
        writer.entry("allowed_origins", allowedOrigins)
        writer.entry("drain_delay", drainDelay)
        writer.entry("drain_timeout", drainTimeout)
        writer.entry("threads", threads)
        for listener in listeners { listener.write(to: &writer) }
        writer.header("[admin]")
        writer.entry("address", admin.address.text)
        writer.entry("mode", admin.mode.map { "0" + String($0, radix: 8) })
        writer.entry("group", admin.group)
        writer.entry("token_file", admin.tokenFile)
        writer.entry("read_token_file", admin.readTokenFile)
        for upstream in upstreams { upstream.write(to: &writer) }
        for route in routes {
            writer.header("[[route]]")
            writer.entry("path", route.path.text)
            writer.entry(
                "upstream",
                route.upstream < upstreams.count ? upstreams[route.upstream].name : ControlSettings.upstreamName
            )
            writer.entry("access", route.access.rawValue)
            if route.access != .public {
                writer.entry("preflight", route.preflight.rawValue)
                writer.entry("cookies", route.cookies.rawValue)
            }
            if let logs = route.accessLog { writer.entry("access_log", logs) }
            if let size = route.headerSize { writer.entry("header_size", size: size) }
            if let count = route.headerCount { writer.entry("header_count", count) }
            if let size = route.bodySize { writer.entry("body_size", size: size) }
        }
        tokens.write(to: &writer)
        for company in companies { company.write(eventIDs: eventIDs(of: company), to: &writer) }
        sessions.write(to: &writer)
        writer.header("[identity]")
        writer.entry("header_prefix", identity.headerPrefix)
        writer.entry("assertion_key_file", identity.assertionKeyFile)
        if !identity.claims.isEmpty {
            writer.header("[identity.claims]")
            for field in identity.claims { writer.entry(field.name, field.claim) }
        }
        if let directory = pages.directory {
            writer.header("[pages]")
            writer.entry("directory", directory)
            writer.entry("languages", pages.languages)
        }
        limits.write(to: &writer)
        writer.header("[http2]")
        writer.entry("concurrent_streams", http2.concurrentStreams)
        writer.entry("websocket", http2.webSocket)
        writer.header("[control]")
        writer.entry("enabled", control.enabled)
        writer.entry("database", control.database.shown)
        if let node = control.node {
            writer.entry("node", node)
            writer.entry("on_store_loss", control.sharing.onStoreLoss.rawValue)
            writer.entry("grace", Duration.milliseconds(control.sharing.grace))
        }
        if case .server = control.database { writer.entry("state_folder", control.stateFolder) }
        writer.entry("token_key_file", control.tokenKeyFile)
        writer.entry("company_key_file", control.companyKeyFile)
        writer.entry("webhook_private_addresses", control.webhookPrivateAddresses.map(\.text))
        writer.header("[control.retention]")
        writer.entry("stays", control.retention.stays)
        writer.entry("removed", control.retention.removed)
        writer.entry("webhooks", control.retention.webhooks)
        writer.header("[log]")
        writer.entry("level", log.level.rawValue)
        writer.entry("format", log.format.rawValue)
        writer.entry("output", log.output.text)
        writer.entry("access", log.access)
        writer.entry("access_format", log.lineFormat.text)
        writer.entry("access_output", log.accessOutput.text)
        writer.entry("access_sample", log.accessSample)
        writer.entry("access_probes", log.accessProbes)
        writer.entry("syslog_facility", log.syslogFacility.rawValue)
        writer.entry("syslog_tag", log.syslogTag)
        tracing.write(to: &writer)
        return writer.text
    }
}

extension TracingSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.header("[tracing]")
        writer.entry("endpoint", endpoint?.text)
        writer.entry("service_name", serviceName)
        writer.entry("sample", sample)
        writer.entry("parent", parent.rawValue)
        writer.entry("headers_file", headersFile)
        writer.entry("ca_file", caFile)
        writer.entry("timeout", timeout)
        writer.entry("interval", interval)
        writer.entry("batch_size", batchSize)
        writer.entry("queue_size", queueSize)
    }
}

extension ListenerSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.header("[[listener]]")
        writer.entry("address", address.text)
        writer.entry("mode", mode.map { "0" + String($0, radix: 8) })
        writer.entry("group", group)
        writer.entry("certificate", certificate)
        writer.entry("key", key)
        writer.entry("ocsp_file", ocspFile)
        writer.entry("client_ca_file", clientCAFile)
        writer.entry("ticket_key_file", ticketKeyFile)
        if let transportPolicy {
            writer.entry("hsts", transportPolicy.maxAge)
            writer.entry("hsts_include_subdomains", transportPolicy.includesSubdomains)
        }
        writer.entry("proxy_protocol", proxyProtocol)
        writer.entry("redirect", redirect?.rawValue)
        writer.entry("acme_directory", acmeDirectory)
        for name in serverNames {
            writer.header("[[listener.sni]]")
            writer.entry("names", name.names)
            writer.entry("certificate", name.certificate)
            writer.entry("key", name.key)
            writer.entry("ocsp_file", name.ocspFile)
        }
    }
}

extension UpstreamSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.header("[[upstream]]")
        writer.entry("name", name)
        writer.entry("servers", literals: servers.map(\.literal))
        writer.entry("balance", balance.rawValue)
        writer.entry("host", host.text)
        writer.entry("ca_file", caFile)
        writer.entry("certificate", certificate)
        writer.entry("key", key)
        writer.entry("server_name", serverName)
        health?.write(to: &writer)
        ejection.write(to: &writer)
        writer.entry("slow_start", slowStart)
        writer.entry("retries", retries)
        if retries > 0 { writer.entry("max_retry_percent", maxRetryPercent) }
        if servers.contains(where: \.isNamed) { writer.entry("resolve_interval", resolveInterval) }
        writer.entry("max_connections", maxConnections)
        writer.entry("max_waiting", maxWaiting)
        writer.entry("wait_timeout", waitTimeout)
        writer.entry("connect_timeout", connectTimeout)
        writer.entry("response_timeout", responseTimeout)
        writer.entry("max_idle_per_server", maxIdlePerServer)
    }
}

extension UpstreamServerSettings {
    /// The server in TOML: as a table only if it has more than an address.
    fileprivate var literal: String {
        let address = TOMLWriter.literal(text)
        guard weight != 1 || isBackup else { return address }
        return "{ address = \(address), weight = \(weight)\(isBackup ? ", backup = true" : "") }"
    }
}

extension EjectionSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.entry("eject_after", after)
        guard after > 0 else { return }
        writer.entry("eject_time", time)
        writer.entry("max_eject_time", maxTime)
        writer.entry("max_eject_percent", maxPercent)
        writer.entry("eject_on_errors", countsErrors)
    }
}

extension HealthSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.entry("health_path", path)
        writer.entry("health_interval", interval)
        writer.entry("health_timeout", timeout)
        writer.entry("health_rise", rise)
        writer.entry("health_fall", fall)
        writer.entry("health_status", status.configurationText)
    }
}

extension TokenSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.header("[tokens]")
        writer.entry("query", query)
        writer.entry("authorization", authorization)
        writer.entry("leeway", leeway)
        writer.entry("require_expiry", requireExpiry)
        writer.entry("embed_lifetime", embedLifetime)
        writer.entry("registration_lifetime", registrationLifetime)
        writer.entry("max_size", size: maxSize)
        writer.header("[tokens.claims]")
        writer.entry("user_id", claims.userID)
        writer.entry("name", claims.name)
        writer.entry("email", claims.email)
        writer.entry("avatar", claims.avatar)
        writer.entry("event", claims.event)
        writer.entry("event_specific", claims.eventSpecific)
        writer.entry("company", claims.company)
        writer.entry("registration", claims.registration)
    }
}

extension CompanySettings {
    fileprivate func write(eventIDs: [String], to writer: inout TOMLWriter) {
        writer.header("[[company]]")
        writer.entry("id", id)
        writer.entry("name", name)
        if clientSecretFiles.count == 1 { writer.entry("client_secret_file", clientSecretFiles[0]) }
        if clientSecretFiles.count > 1 { writer.entry("client_secret_files", clientSecretFiles) }
        writer.entry("event_ids", eventIDs)
        writer.entry("embed_origins", embedOrigins)
        writer.entry("issuer", oneOrSeveral: issuers)
        writer.entry("audience", oneOrSeveral: audiences)
        if page != CompanyPage() {
            writer.header("[company.page]")
            for key in CompanyPage.Key.allCases { writer.entry(key.rawValue, page[key]) }
        }
        for origin in keyOrigins {
            writer.header("[[company.key]]")
            writer.entry("id", origin.id)
            if let signedBefore = origin.signedBefore { writer.entry("signed_before", signedBefore) }
            writer.entry("algorithm", origin.algorithm?.rawValue)
            switch origin.source {
            case .secretFile(let path): writer.entry("secret_file", path)
            case .privateKeyFile(let path): writer.entry("private_key_file", path)
            case .publicKeyFile(let path): writer.entry("public_key_file", path)
            case .jwksFile(let path): writer.entry("jwks_file", path)
            case .jwksURL(let url): writer.entry("jwks_url", url.text)
            case .openID: writer.entry("openid", true)
            }
        }
    }
}

extension SessionSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.header("[sessions]")
        writer.entry("second_join", policy.secondJoin.rawValue)
        writer.entry("applies_to", policy.appliesTo.rawValue)
        writer.entry("idle_timeout", .milliseconds(policy.idleTimeout))
        writer.entry("outlives_token", policy.outlivesToken)
        writer.entry("max_lifetime", .milliseconds(policy.maxLifetime))
        writer.entry("take_over_limit", policy.takeOverLimit)
        writer.entry("on_role_change", policy.onRoleChange.rawValue)
        writer.entry("cookieless", cookieless)
        writer.entry("cookie_key_file", cookieKeyFile)
    }
}

extension LimitSettings {
    fileprivate func write(to writer: inout TOMLWriter) {
        writer.header("[limits]")
        writer.entry("header_size", size: headerSize)
        writer.entry("header_count", headerCount)
        writer.entry("body_size", size: bodySize)
        writer.entry("header_timeout", headerTimeout)
        writer.entry("idle_timeout", idleTimeout)
        writer.entry("connections", connections)
        writer.entry("connections_per_address", connectionsPerAddress)
        writer.entry("min_rate", size: minRate)
        writer.entry("joins_per_minute", joinsPerMinute)
        writer.entry("failures_per_minute", failuresPerMinute)
        writer.entry("requests_per_address", requestsPerAddress?.rate.text)
        if let limit = requestsPerAddress { writer.entry("requests_burst", limit.size) }
        writer.entry("new_connections_per_address", newConnectionsPerAddress?.rate.text)
        if let limit = newConnectionsPerAddress { writer.entry("new_connections_burst", limit.size) }
        writer.entry("rate_exempt", rateExempt.map(\.text))
        writer.entry("deny", deny.map(\.text))
        writer.entry("deny_file", denyFile)
        writer.entry("lag_limit", lagLimit)
        if let memoryLimit { writer.entry("memory_limit", size: memoryLimit) }
        writer.entry("trusted_proxies", trustedProxies.map(\.text))
    }
}
