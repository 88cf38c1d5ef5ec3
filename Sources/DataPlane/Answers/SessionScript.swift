/// The script at `/.gateway/session.js`. A page that loads it knows the state of its viewer's session while it is open,
/// and so does the page that embeds it.
enum SessionScript {
    /// A member of the queries of the script's requests. Those that find the session are no lines of the access log.
    static let pollName: StaticString = "poll"

    /// Without its comments, so that it is small.
    static let text = source.split(separator: "\n")
        .filter { !$0.utf8.drop { $0 == UInt8(ascii: " ") }.starts(with: "//".utf8) }.joined(separator: "\n")

    private static let source = """
        // gatewaySession: the session of this page's viewer. Its types: deploy/examples/gateway-session.d.ts.
        (() => {
          "use strict";
          const data = document.currentScript?.dataset ?? {};
          const pause = Math.max(2, Number(data.seconds) || 10) * 1000;
          let event = data.event || null, isKnown = false, hasLeft = false, checking = null, user, timer, failures = 0;
          \(ParentPage.script)
          const path = (name, more) =>
            `/.gateway/${name}?` + new URLSearchParams({ ...more, ...(event && { event }) });

          class GatewaySession extends EventTarget {
            state = "unknown"; code = null; role = null; listedAs = null; expiresAt = null; opensAt = null;
            /// Asks the gateway now. Resolves to the state.
            async check() { return hasLeft ? this.state : checking ??= ask().finally(() => { checking = null; }); }
            /// Makes the session the active one, here. Resolves to the new state.
            takeOver() { return act("take-over"); }
            /// Ends the session, until the page is loaded again. Resolves to the new state.
            leave() { return act("leave"); }
            /// Asks the embedding page for a new link.
            renew() { tell({ wants: "link", event }); }
          }
          const session = new GatewaySession();
          const ask = async () => {
            clearTimeout(timer);
            try {
              const answer = await fetch(path("session", { poll: 1 }), {
                headers: { Accept: "application/json" }, cache: "no-store",
              });
              const body = await answer.json();
              const now = Date.parse(answer.headers.get("Date")) || Date.now();
              if (answer.ok) {
                event = body.event;
                origins = body.embedOrigins;
                isKnown = true;
                user ??= body.userId;
                // Somebody else has signed in, in another tab: the page's requests are theirs.
                if (body.userId !== user) set("replaced", { code: "session_replaced" });
                else set(Date.parse(body.expiresAt) - now < 120000 ? "expiring" : "active", body);
              } else if (isKnown && body.code === "token_missing") {
                // It comes back with the page's next request, such as after a restart, unless it is over.
                if (Date.parse(session.expiresAt) <= now) set("expired", { code: "token_expired" });
              } else if (answer.status < 500 && answer.status !== 429) {
                const { state = "refused" } = body;
                set(isKnown && state === "refused" ? "ended" : state, body);
              } else throw body;
              failures = 0;
            } catch {
              // Nothing is known: the state stays as it is.
              failures++;
            }
            timer = setTimeout(() => session.check(), Math.min(pause * 2 ** failures, Math.max(pause, 60000)));
            return session.state;
          };
          const act = async (name) => {
            await checking;
            try {
              const { ok } = await fetch(path(name), { method: "POST" });
              // The gateway would let its viewer come back.
              if (ok) hasLeft = name === "leave";
            } catch { /* The check tells. */ }
            await checking;
            if (hasLeft) set("ended", { code: "session_left" });
            return session.check();
          };
          const set = (state, { code = null, role = null, listedAs = null, expiresAt = null, opensAt = null }) => {
            const next = { state, code, role, listedAs, expiresAt, opensAt };
            if (Object.keys(next).every((name) => session[name] === next[name])) return;
            Object.assign(session, next);
            news = { event, ...next };
            tell(news);
            session.dispatchEvent(new Event("change"));
          };
          window.gatewaySession = session;
          addEventListener("online", () => session.check());
          addEventListener("pageshow", ({ persisted }) => persisted && session.check());
          document.addEventListener("visibilitychange", () => document.hidden || session.check());
          session.check();
        })();

        """
}
