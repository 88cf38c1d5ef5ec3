import Admission

extension Settings {
    /// Reads and checks a whole configuration.
    ///
    /// - Throws: all problems at once, or a TOML syntax error alone, since nothing can be checked after it.
    package init(loading source: ConfigurationSource) throws(ConfigurationError) {
        let written: DocumentValue
        do {
            written = try Document.parse(source.text)
        } catch {
            let problem = "\(source.name): line \(error.line), column \(error.column): \(error.reason)"
            throw ConfigurationError(problems: [problem])
        }
        let problems = ProblemList()
        let document = Expansion(environment: source.environment, problems: problems).expanded(written)
        UnknownKeys(problems: problems).check(document, against: .root)
        let context = LoadingContext(readFile: source.readFile, problems: problems)
        let settings = Settings(reading: TableReader(document, context: context))
        guard problems.isEmpty, let settings else {
            throw ConfigurationError(problems: problems.lines(name: source.name))
        }
        self = settings
    }

    /// Returns `nil` only if a value without a default is missing or faulty, which was reported.
    private init?(reading root: TableReader) {
        let publicURL = root.required("public_url", .text("a URL", PublicURL.init(parsing:)))
        let listeners = ListenerReader(root, publicURL: publicURL).listeners()
        let upstreams = UpstreamReader(root)
        var (tokens, limits) = (TokenSettings(), LimitSettings())
        tokens.read(from: root.table("tokens"))
        limits.read(from: root.table("limits"), tokens: tokens)
        let routes = RouteReader(root, upstreamNames: upstreams.names, limits: limits, tokens: tokens).routes()
        // With the control API, the directory may have companies.
        let areNeeded = routes.contains { $0.access != .public } && !root.isTrue("enabled", in: "control")
        let companies = CompanyReader(root, publicURL: publicURL, areNeeded: areNeeded).companies()
        var loaded = Settings(
            publicURL: publicURL ?? PublicURL(text: "", isSecure: true, origin: ""),
            listeners: listeners,
            upstreams: upstreams.upstreams,
            routes: routes,
            companies: companies
        )
        root.read("allowed_origins", into: &loaded.allowedOrigins, .set(of: .text("an origin", WebOrigin.read)))
        root.read("drain_delay", into: &loaded.drainDelay, .duration(.zero ... .seconds(600)))
        root.read("drain_timeout", into: &loaded.drainTimeout, .duration(.zero ... .seconds(3600)))
        root.read("threads", into: &loaded.threads, .integer(0...1024))
        loaded.admin.read(from: root.table("admin"), listeners: listeners)
        (loaded.tokens, loaded.limits) = (tokens, limits)
        loaded.sessions.read(from: root.table("sessions"))
        loaded.identity.read(from: root.table("identity"))
        loaded.pages.read(from: root.table("pages"))
        loaded.http2.read(from: root.table("http2"))
        loaded.control.read(from: root.table("control"), of: loaded)
        loaded.log.read(from: root.table("log"))
        loaded.tracing.read(from: root.table("tracing"))
        guard publicURL != nil else { return nil }
        self = loaded
    }
}
