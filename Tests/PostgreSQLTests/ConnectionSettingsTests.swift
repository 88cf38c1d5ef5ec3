#if PostgreSQL
    import Basics
    import TestSupport
    import Testing

    @testable import PostgreSQL

    @Suite("A database's address")
    struct ConnectionSettingsTests {
        @Test(
            "It is described without the password",
            arguments: [
                ("postgres://kim:s3cret@db.example/app", "database app on db.example:5432 as kim"),
                ("postgresql://kim@db.example:6000/app?password=s3cret", "database app on db.example:6000 as kim"),
                ("postgres://kim:s3cret@a:1,b:2/app", "database app on a:1, b:2 as kim"),
                ("postgres://kim:s3%2Fcret@[::1]/", "database kim on [::1]:5432 as kim"),
                ("postgres://kim:s3cret@/app?host=/run/db", "database app on socket /run/db:5432 as kim"),
                ("postgres://kim:s3cret@/app?hostaddr=10.0.0.1", "database app on 10.0.0.1:5432 as kim"),
            ]
        )
        func description(uri: String, description: String) throws {
            let settings = try ConnectionSettings(uri)
            #expect(settings.description == description)
            var dumped = ""
            dump(settings, to: &dumped)
            #expect(!"\(settings) \(String(reflecting: settings)) \(dumped)".contains("cret"))
        }

        @Test(
            "What is wrong is told without any part of the password",
            arguments: [
                ("db.example/app", "postgres://"), ("postgres://kim:s3cret@h:70000/app", "port"),
                ("postgres://kim:s3cret@h/app?sslmod=require", "sslmod"),
                ("postgres://kim:s3cret@h/app?sslmode=on", "sslmode"), ("postgres://kim:s3%zzcret@h/app", "percent"),
                // Cut off by libpq at the first of these characters.
                ("postgres://kim:s3/cret@h/app", "%2F"), ("postgres://kim:s3@cret@h/app", "%40"),
                ("postgres://kim:s3?cret@h/app", "%3F"),
                ("postgres://kim:s3/cret", "%2F"), ("postgres://kim:s3 cret@h/app", "%20"),
                ("postgres://kim:s3cret@h/app\0", "control"), ("postgres://kim:s3cret@a,b/app?port=1,2,3", "port"),
                ("postgres://kim:s3cret@h/app?target_session_attrs=x", "target_session_attrs"),
                ("postgres://kim:s3cret@h/app?connect_timeout=soon", "connect_timeout"),
                ("postgres://kim:s3cret@h/app?service=x", "service"), ("postgres://kim:s3cret@[::1/app", "]"),
                ("postgres://kim:s3cret@a,b/app?hostaddr=10.0.0.1", "hostaddr"),
            ]
        )
        func malformed(uri: String, words: String) throws {
            let fault = try #require(caught { _ = try ConnectionSettings(uri) })
            #expect(fault.description.contains(words), "\(fault)")
            #expect(!fault.description.contains("cret") && !fault.description.contains("s3"))
        }

        @Test("A dead server is noticed within seconds, unless the address says otherwise")
        func limits() throws {
            func option(_ name: String, _ uri: String) throws -> String? {
                try ConnectionSettings(uri).options.first { $0.keyword == name }?.value
            }
            #expect(try option("tcp_user_timeout", "postgres://h/") == "10000")
            #expect(try option("keepalives", "postgres://h/") == "1")
            #expect(try option("keepalives_idle", "postgres://h/?keepalives_idle=60") == "60")
            #expect(try option("client_encoding", "postgres://h/?client_encoding=LATIN1") == "UTF8")
            #expect(try ConnectionSettings("postgres://h/").connectTimeout == 5_000)
            #expect(try ConnectionSettings("postgres://h/?connect_timeout=3600").connectTimeout == 10_000)
        }
    }

    @Suite("Which statements are prepared")
    struct StatementCacheTests {
        private func key(_ sql: String) -> StatementCache.Key { StatementCache.Key(sql: .init(sql), types: []) }

        @Test("A statement is prepared at its second use; the one that was not used for longest makes room")
        func order() {
            var cache = StatementCache(capacity: 2)
            let ways = ["a", "a", "a", "b", "b"].map { cache.use(key($0)) }
            #expect(
                ways == [.unprepared, .prepare(name: "s1"), .prepared(name: "s1"), .unprepared, .prepare(name: "s2")]
            )
            _ = cache.use(key("a"))
            #expect(cache.use(key("c")) == .unprepared)
            #expect(cache.takeAbandoned() == ["s2"] && cache.takeAbandoned() == [])
            #expect(cache.use(key("a")) == .prepared(name: "s1"))
            // Never prepared.
            _ = cache.use(key("b"))
            #expect(cache.takeAbandoned() == [] && cache.count == 2)
        }

        @Test("The same text with other types is another statement")
        func types() {
            var cache = StatementCache(capacity: 2)
            _ = cache.use(StatementCache.Key(sql: "a", types: [20]))
            #expect(cache.use(StatementCache.Key(sql: "a", types: [25])) == .unprepared)
        }

        @Test("A statement that could not be prepared is tried again as a new one")
        func forgetting() {
            var cache = StatementCache(capacity: 2)
            _ = cache.use(key("a"))
            _ = cache.use(key("a"))
            cache.forget(key("a"), isKnown: false)
            #expect(cache.takeAbandoned() == [])
            #expect(cache.use(key("a")) == .unprepared)
            _ = cache.use(key("a"))
            cache.forget(key("a"), isKnown: true)
            #expect(cache.takeAbandoned() == ["s2"])
        }
    }
#endif
