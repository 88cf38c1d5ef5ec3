import Basics
import JOSE

/// The service worker that holds the sessions of a browser that keeps no cookie in a frame, and adds them to what the
/// frame requests.
struct ServiceWorker: Sendable {
    static let path = "/.gateway/worker.js"

    let script: [UInt8]
    /// The path with a version, so that a changed script has a changed address.
    let address: String

    /// - Parameter tokenNames: the query's members that hold a link's token.
    init(tokenNames: [[UInt8]]) {
        let names = tokenNames.map { JSONValue.string(String(decoding: $0, as: UTF8.self)) }
        let list = String(decoding: JSONValue.array(names).serialized(), as: UTF8.self)
        let script = Array("\"use strict\";\nconst tokenNames = \(list);\n\(Self.source)\(Self.pageSource)".utf8)
        self.script = script
        address = Self.path + "?v=" + Hexadecimal.text(SHA256.hash(script.span).prefix(4))
    }

    private static let source = #"""
        // Holds the sessions of this browser's frames, which get no cookie, and adds them to their requests.
        const store = "gateway-sessions";
        const jar = "gateway-cookies";
        const jarKey = "/.gateway/cookies";
        // What the gateway must see as the browser sends it.
        const untouched = ["/.gateway/worker.js", "/.gateway/join", "/.gateway/renew", "/.gateway/ticket"];
        // By event: {event, session, socket, until, joined}.
        const sessions = new Map();
        // The event by page.
        const pages = new Map();
        // The embed host's, sealed, by name and path.
        const cookies = new Map();
        // Those under way, by event.
        const renewals = new Map();
        let loading;

        addEventListener("install", () => skipWaiting());
        addEventListener("activate", (event) => event.waitUntil(clients.claim()));
        addEventListener("message", (event) => {
          const { ticket, place, renews } = event.data ?? {};
          if (ticket) event.waitUntil(join(ticket, place).then((done) => event.ports[0]?.postMessage(done)));
          // A page that only listens on its sockets.
          if (renews !== undefined) event.waitUntil(refresh(renews));
        });
        addEventListener("fetch", (event) => {
          const { request } = event;
          const url = new URL(request.url);
          if (url.origin !== location.origin || untouched.includes(url.pathname)) return;
          if (request.mode === "navigate") {
            // The gateway must see a link as the browser sends it.
            if (tokenNames.some((name) => url.searchParams.has(name))) return;
            // Another site's form must not act for the viewer.
            if (request.method !== "GET" && !isOwn(request.referrer)) return;
          }
          if (request.cache === "only-if-cached" && request.mode !== "same-origin") return;
          event.respondWith(url.pathname === socketScript ? socketPage(event, request, url) : answer(event, request, url));
        });

        function isOwn(address) {
          try {
            return new URL(address).origin === location.origin;
          } catch {
            return false;
          }
        }

        // Fails where the browser lets nothing be stored.
        async function load() {
          loading ??= (async () => {
            const cache = await caches.open(store);
            for (const key of await cache.keys()) {
              try {
                const kept = await (await cache.match(key)).json();
                if (typeof kept.event === "string" && typeof kept.session === "string") sessions.set(kept.event, kept);
              } catch {
                // The event's own pages can write there too.
                await cache.delete(key);
              }
            }
            const stored = await (await caches.open(jar)).match(jarKey);
            try {
              for (const [name, sealed] of stored ? await stored.json() : []) cookies.set(name, sealed);
            } catch {
              await caches.delete(jar);
            }
          })();
          try {
            await loading;
          } catch (error) {
            loading = undefined;
            throw error;
          }
        }

        // Keeps what an answer says of cookies: the newest, up to four kilobytes.
        async function keepCookies(lines) {
          for (const line of lines.split(",")) {
            const [name, sealed] = line.trim().split(".");
            cookies.delete(name);
            if (sealed) cookies.set(name, sealed);
          }
          let room = 4096;
          for (const [name, sealed] of [...cookies].reverse()) {
            room -= sealed.length;
            if (room < 0) cookies.delete(name);
          }
          const cache = await caches.open(jar);
          await cache.put(jarKey, new Response(JSON.stringify([...cookies])));
        }

        const keyOf = (event) => "/.gateway/sessions/" + encodeURIComponent(event);

        async function keep({ event, session, socket, expiresIn }, joined) {
          const kept = { event, session, socket, joined, until: Date.now() + expiresIn * 1000 };
          sessions.set(event, kept);
          sockets?.postMessage({ event, socket });
          const cache = await caches.open(store);
          await cache.put(keyOf(event), new Response(JSON.stringify(kept)));
          return kept;
        }

        // Not if another page has got a newer one meanwhile.
        async function forget(kept) {
          if (sessions.get(kept.event) !== kept) return;
          sessions.delete(kept.event);
          const cache = await caches.open(store);
          await cache.delete(keyOf(kept.event));
        }

        // The gateway no longer wants a worker.
        async function leave() {
          sessions.clear();
          cookies.clear();
          await Promise.all([caches.delete(store), caches.delete(jar), registration.unregister()]);
        }

        // Exchanges a link's ticket for a session. One that the browser has for the event already stays the same.
        async function join(ticket, place) {
          try {
            await load();
            const known = sessions.get(inPath(new URL(place, location.origin)));
            const response = await fetch("/.gateway/join?gateway-ticket=" + ticket, {
              method: "POST",
              headers: known ? { "Gateway-Session": known.session } : {},
              redirect: "error",
            });
            if (!response.ok) return false;
            await keep(await response.json(), Date.now());
            return true;
          } catch {
            return false;
          }
        }

        function renew(kept) {
          if (!renewals.has(kept.event)) {
            renewals.set(kept.event, renewed(kept).finally(() => renewals.delete(kept.event)));
          }
          return renewals.get(kept.event);
        }

        // The session with more time; undefined if it is lost.
        async function renewed(kept) {
          try {
            const headers = { "Gateway-Session": kept.session };
            const response = await fetch("/.gateway/renew", { method: "POST", headers, redirect: "error" });
            if (response.ok) return await keep(await response.json(), kept.joined);
            if (response.status === 401) await forget(kept);
          } catch {
            // The network is away. The next request tries again.
          }
          return undefined;
        }

        // The event that a path names, if there is a session for it.
        function inPath(url) {
          for (const segment of url.pathname.split("/")) {
            try {
              const name = decodeURIComponent(segment);
              if (name && sessions.has(name)) return name;
            } catch {
              // No text.
            }
          }
          return undefined;
        }

        async function eventOf(event, request, url) {
          let name = inPath(url) ?? pages.get(event.clientId);
          if (name === undefined && isOwn(request.referrer)) name = inPath(new URL(request.referrer));
          if (name === undefined && event.clientId && sessions.size > 1) {
            // Firefox does not answer while a page's own worker waits for what it imports.
            const late = new Promise((resolve) => setTimeout(resolve, 50));
            const page = await Promise.race([clients.get(event.clientId), late]);
            if (page) name = inPath(new URL(page.url));
          }
          name ??= [...sessions.values()].sort((a, b) => b.joined - a.joined)[0]?.event;
          if (event.resultingClientId && name !== undefined) {
            if (pages.size >= 500) pages.clear();
            pages.set(event.resultingClientId, name);
          }
          return name;
        }

        async function refresh(name) {
          await load();
          const kept = sessions.get(name);
          if (kept && isShort(kept)) await renew(kept);
        }

        // Whether it is time to renew it.
        function isShort(kept) {
          return kept.until < Date.now() + 600000;
        }

        async function held(event, request, url) {
          try {
            await load();
          } catch {
            return undefined;
          }
          const kept = sessions.get(await eventOf(event, request, url));
          if (!kept) return undefined;
          if (kept.until <= Date.now()) return renew(kept);
          if (isShort(kept)) event.waitUntil(renew(kept));
          return kept;
        }

        async function answer(event, request, url) {
          const kept = await held(event, request, url);
          if (!kept) return fetch(request);
          const isOfOwnPage = isOwn(request.referrer);
          const headers = new Headers(request.headers);
          headers.set("Gateway-Session", kept.session);
          if (cookies.size) headers.set("Gateway-Cookie", [...cookies.values()].join(","));
          headers.set(
            "Gateway-Request",
            [
              "dest=" + (request.destination || "empty"),
              "mode=" + request.mode,
              "site=" + (isOfOwnPage || request.mode !== "navigate" ? "same-origin" : "cross-site"),
              "from=" + (isOfOwnPage ? new URL(request.referrer).pathname : ""),
            ].join(", "),
          );
          // Following a redirect would take the session along, to wherever it leads. So the gateway tells it in a field.
          const response = await fetch(
            new Request(request, {
              headers,
              mode: request.mode === "cors" ? "cors" : "same-origin",
              redirect: "manual",
              integrity: "",
              referrer: isOfOwnPage ? request.referrer : "",
              referrerPolicy: request.referrerPolicy,
            }),
          );
          const session = response.headers.get("Gateway-Session");
          if (session) {
            const name = decodeURIComponent(response.headers.get("Gateway-Event") ?? "");
            const socket = response.headers.get("Gateway-Socket");
            const expiresIn = Number(response.headers.get("Gateway-Expires-In"));
            const joined = sessions.get(name)?.joined ?? Date.now();
            // Without an end it is a program's, whose request has a token of its own.
            if (expiresIn) await keep({ event: name, session, socket, expiresIn }, joined).catch(() => {});
          }
          const lines = response.headers.get("Gateway-Set-Cookie");
          if (lines) await keepCookies(lines).catch(() => {});
          const order = response.headers.get("Gateway-Worker");
          if (order === "unregister") event.waitUntil(leave());
          if (order === "forget") {
            await forget(kept).catch(() => {});
            // Once without it: a document is for the browser to ask for, a program's request gets what was answered.
            if (request.mode === "navigate" && request.method === "GET") return fetch(request);
          }
          const redirect = response.headers.get("Gateway-Location");
          // The browser goes there as it would have without a worker.
          if (redirect) return Response.redirect(new URL(redirect.slice(4), url), Number(redirect.slice(0, 3)));
          // The gateway did not know the session, so that it is not in danger.
          const isLost = response.type === "opaqueredirect" && request.redirect === "follow";
          if (isLost && request.method === "GET") return fetch(request);
          return withSockets(request, response, sessions.get(kept.event) ?? kept);
        }

        """#
}
