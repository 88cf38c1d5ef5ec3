import Admission
import Basics
import GatewayConfiguration
import Testing

/// Texts that are not TOML, environment variables, and the order of problems.
@Suite struct DocumentTests {
    @Test(
        "A syntax error is reported with line, column and reason",
        arguments: [
            ("public_url = ", "line 1, column 14: "),
            ("a = 1\nb = [1, 2", "line 2, column "),
            ("a = 1\na = 2", "line 2, column "),
            ("\n\n[limits", "line 3, column "),
            ("a = \"x\ny\"", "line 1, column "),
            ("a = 99999999999999999999", "line 1, column "),
            ("a = 1e999999", "line 1, column "),
            ("= 1", "line 1, column 1: "),
            ("a = \"\\q\"", "line 1, column "),
        ]
    )
    func syntax(_ text: String, _ start: String) {
        let found = problems(text)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix(start) == true, "\(found)")
        #expect((found.first?.count ?? 0) > start.count + 10, "no reason in \(found)")
    }

    @Test("The place of a syntax error is exact")
    func place() {
        #expect(
            problems("a = 1\n  b = @\n").first?.hasPrefix("line 2, column 7: ") == true,
            "\(problems("a = 1\n  b = @\n"))"
        )
    }

    @Test(
        "A bracket without a name after it is reported, wherever it hides",
        arguments: [
            ("[@]", 1, 2), ("[[@]]", 1, 3), ("[ [x] ]", 0, 0), ("[[[x]]]", 1, 3), ("[\n]", 1, 2), ("[.a]", 1, 2),
            ("[=", 1, 2),
            ("a = [1,\n[2]]\n[{", 3, 2), ("a = \"[\"\n[\t #", 2, 4), ("a = \"\"\"x\"\"\"\"\"\n[,]", 2, 2),
            ("a = \"\"\"x\"\"\"\"\n[,]", 2, 2), ("a = ''\n[$]", 2, 2), ("# [@]\n[a]\n[*]", 3, 2), ("\u{feff}[@]", 1, 3),
            ("a = [[@]]", 0, 0), ("a = [\n[@]]", 0, 0),
        ]
    )
    func header(_ text: String, _ line: Int, _ column: Int) {
        let found = problems(text)
        #expect(found.count == 1)
        let isOurs = found == ["line \(line), column \(column): expected the name of a table after ["]
        #expect(isOurs == (line > 0), "\(found)")
    }

    @Test("A bracket closed by another kind is reported")
    func brackets() {
        #expect(problems("a = [1, }") == ["line 1, column 9: expected ], saw }"])
        #expect(problems("a = [\n{b = [}]}") == ["line 2, column 7: expected ], saw }"])
        #expect(problems("a = {b = 1]") == ["line 1, column 11: expected }, saw ]"])
        #expect(problems("[a}") == ["line 1, column 3: expected ], saw }"])
    }

    @Test(
        "A character that must be quoted is reported, even if it looks like a line end",
        arguments: [
            "ä = 1", "a = [\u{2028}1]", "a = [\u{85}]", "a = \u{a0}1", "\u{1} = 1", "a\u{c} = 1", "a = [\u{b}]",
            "a = \u{7f}",
        ]
    )
    func unquoted(_ text: String) {
        let found = problems(text)
        #expect(found.count == 1 && found.first?.hasSuffix("a character that may only stand in quotes") == true)
    }

    @Test(
        "A space within an unquoted value is reported",
        arguments: [
            "a = 2020-01-01 6 ", "a = 2020-01-01 6", "a = [2020-01-01 6,", "a = 20_20-01-0_1 6\n", "a = 1 2",
            "a = 2020-01-01 07:32:00",
        ]
    )
    func spaces(_ text: String) {
        let found = problems(text)
        #expect(found.count == 1 && found.first?.hasSuffix("a space within a number or date") == true)
    }

    @Test("The same characters are allowed in strings and comments, and a byte order mark at the start")
    func quotedCharacters() {
        #expect(problems("\u{feff}" + Sample(.company, "id = \"a\"\nname = 'ä \u{2028}' # ü\u{85}").text) == [])
    }

    @Test("A problem is one line whatever the file holds, also where the TOML library repeats its characters")
    func oneLine() {
        for text in [
            "a = i\n", "a = 1\u{b}", "a = \u{1b}[2J", "a = n\u{7f}", "a = \"\\\u{85}\"", "a = t\r\n", "[a\u{202e}",
        ] {
            let found = problems(text)
            #expect(found.count == 1 && found.allSatisfy { !$0.unicodeScalars.contains { TerminalText.isActive($0) } })
        }
    }

    @Test("A NUL character, raw or escaped, is an error and ends nothing early")
    func nul() {
        #expect(problems("a = 1\nb\u{0} = 2") == ["line 2, column 2: a NUL character is not allowed"])
        #expect(problems("a = 1 # \u{0}") == ["line 1, column 9: a NUL character is not allowed"])
        #expect(problems("ä = \"x\\u0000y\"") == ["line 1, column 1: a character that may only stand in quotes"])
        #expect(problems("\"ä\" = \"x\\u0000y\"") == ["line 1, column 9: a NUL character is not allowed"])
        #expect(problems("a = \"x\\U00000000y\"") == ["line 1, column 7: a NUL character is not allowed"])
        #expect(problems("\"a\\u0000b\" = 1") == ["line 1, column 3: a NUL character is not allowed"])
        #expect(problems("a = \"\"\"\n\\u0000\"\"\"") == ["line 2, column 1: a NUL character is not allowed"])
        // These are not escapes: a literal string, an escaped backslash, a comment.
        #expect(problems(Sample().text + "\n# \\u0000") == [])
        #expect(problems(Sample(.rest, "x = '\\u0000'").text).count == 1)
        #expect(problems(Sample(.rest, "[log]\nlevel = \"\\\\u0000\"").text).first?.hasPrefix("log.level: ") == true)
    }

    @Test("All problems are reported at once, in the order of the schema")
    func everything() {
        let text = """
            zzz = 1
            [log]
            level = "loud"
            [limits]
            idle_timeout = "soon"
            header_size = 1
            unknown = 1
            [[company]]
            id = "acme"
            [[company.key]]
            algorithm = "HS256"
            secret_file = "/none"
            [[listener]]
            address = "a:1"
            [[listener]]
            proxy_protocol = 1
            address = 2
            """
        #expect(
            problems(text) == [
                "public_url: is missing",
                "listener[1].address: expected an address, found the integer 2",
                "listener[1].proxy_protocol: expected true or false, found the integer 1",
                "upstream: at least one [[upstream]] is needed",
                "route: at least one [[route]] is needed",
                "company[0].key[0].secret_file: no such file: /none",
                "limits.header_size: expected a size such as \"64KiB\", found the integer 1",
                "limits.idle_timeout: \"soon\" \(BadListenerTests.duration)",
                "limits.unknown: unknown key",
                "log.level: \"loud\" is not one of \"debug\", \"info\", \"notice\", \"warning\", \"error\"",
                "zzz: unknown key",
            ]
        )
    }

    @Test("Every line begins with the name of the file")
    func name() {
        #expect(throws: ConfigurationError(problems: ["other.conf: line 1, column 1: a NUL character is not allowed"]))
        {
            try Settings(
                loading: ConfigurationSource(
                    name: "other.conf",
                    text: "\0",
                    environment: { _ in nil },
                    readFile: { _ in .failure(.notFound) }
                )
            )
        }
    }

    // MARK: Environment

    @Test("${NAME} is the environment variable, $$ a dollar sign")
    func expansion() throws {
        var sample = Sample(.top, "public_url = \"https://${SUB}.example.com:${PORT}\"")
        sample.bodies[.tokens] = "query = [\"${Q_1}\", \"x\"]\n[tokens.claims]\nname = \"a$$b$${SUB}$$$$\""
        let settings = try load(sample.text, environment: ["SUB": "embed", "PORT": "8443", "Q_1": "jwt"])
        #expect(settings.publicURL.text == "https://embed.example.com:8443")
        #expect(settings.tokens.query == ["jwt", "x"])
        #expect(settings.tokens.claims.name == "a$b${SUB}$$")
    }

    @Test("The content of a variable is not expanded again")
    func noSecondExpansion() throws {
        let settings = try load(
            Sample(.rest, "[tokens.claims]\nname = \"${A}\"").text,
            environment: ["A": "${B}$$", "B": "no"]
        )
        #expect(settings.tokens.claims.name == "${B}$$")
    }

    @Test(
        "A variable that is not set, or misspelt, is an error that names it",
        arguments: [
            ("${NONE}", "the environment variable NONE is not set"),
            ("x${}", "${…}: \"\" is no name of an environment variable"),
            ("${A B}", "${…}: \"A B\" is no name of an environment variable"),
            ("${1A}", "${…}: \"1A\" is no name of an environment variable"),
            ("${A", "a lone $: write ${NAME} for an environment variable, $$ for a dollar sign"),
            ("$A", "a lone $: write ${NAME} for an environment variable, $$ for a dollar sign"),
            ("A$", "a lone $: write ${NAME} for an environment variable, $$ for a dollar sign"),
            ("$$$", "a lone $: write ${NAME} for an environment variable, $$ for a dollar sign"),
            ("${NUL}", "the environment variable NUL holds a NUL character"),
        ]
    )
    func faultyExpansion(_ text: String, _ reason: String) {
        let found = problems(
            Sample(.company, "id = \"acme\"\nname = \"\(text)\"").text,
            environment: ["A": "a", "NUL": "a\0b"]
        )
        #expect(found == ["company[0].name: \(reason)"])
    }

    @Test("A required value whose variable is missing is not also reported missing, nor its upstream unknown")
    func noEcho() {
        #expect(
            problems(Sample(.top, "public_url = \"${X}\"").text)
                == ["public_url: the environment variable X is not set"]
        )
        #expect(
            problems(Sample(.rest, "[limits]\ntrusted_proxies = [\"${X}\", \"${Y}\"]").text) == [
                "limits.trusted_proxies[0]: the environment variable X is not set",
                "limits.trusted_proxies[1]: the environment variable Y is not set",
            ]
        )
    }
}
