import Basics

/// The page that asks for a token.
struct SignInPage {
    /// Why the last attempt failed.
    var fault: String?
    /// Where to go on.
    var destination: String?

    var html: HTML {
        let notice: HTML = fault.map { "<p class=\"notice bad\" role=\"alert\" id=\"fault\">\($0)</p>" } ?? ""
        let hidden: HTML = destination.map { "<input type=\"hidden\" name=\"to\" value=\"\($0)\">" } ?? ""
        let described: HTML = fault == nil ? "" : " aria-invalid=\"true\" aria-describedby=\"fault\""
        return Page.document(
            title: "Sign in",
            body: """
                <body>
                <main class="alone">
                <h1>Sign in</h1>
                \(notice)
                <form method="post" action="/console/sign-in">\(hidden)
                <label for="token">The token of <code>admin.token_file</code>, or of <code>admin.read_token_file</code></label>
                <input name="username" value="console" autocomplete="username" aria-label="User name" hidden>
                <input id="token" name="token" type="password" autocomplete="current-password" required autofocus\(described)>
                <button class="main">Sign in</button>
                </form>
                </main>
                </body>
                """
        )
    }

    /// The page where the configuration has no token.
    static let switchedOff: HTML = Page.document(
        title: "Switched off",
        body: """
            <body>
            <main class="alone">
            <h1>The console is switched off</h1>
            <p>It asks for a token, and the configuration has none: set <code>token_file</code> in <code>[admin]</code>, and
            reload.</p>
            </main>
            </body>
            """
    )
}
