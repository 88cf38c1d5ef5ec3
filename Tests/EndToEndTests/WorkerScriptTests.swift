import Foundation
import Testing

private let node = "/usr/bin/node"

extension EndToEnd {
    /// Parts of the service worker's script, outside of a browser.
    @Suite("The service worker's script", .enabled(if: FileManager.default.isExecutableFile(atPath: node)))
    struct WorkerScriptTests {
        /// What the script finds around it.
        private static let surroundings = """
            globalThis.self = globalThis;
            globalThis.location = new URL("https://embed.example/.gateway/worker.js");
            globalThis.addEventListener = () => {};
            globalThis.BroadcastChannel = undefined;

            """

        /// Runs the script that the gateway serves, then `test`. Returns what that printed.
        private func output(_ test: String) throws -> String {
            let site = try Site { $0.sessions = "cookieless = true" }
            let script = try fetch(site.port, "/.gateway/worker.js").text
            let directory = try TemporaryDirectory()
            let file = try directory.write("test.cjs", Self.surroundings + script + test)
            let finished = try run(node, [file])
            #expect(finished.status == 0, "\(finished.errors)")
            return finished.output
        }

        @Test("It puts its script behind the doctype or first, wherever the page's bytes are cut")
        func doctype() throws {
            let printed = try output(
                #"""
                const tag = '<script src="/.gateway/socket.js"></script>';
                const documents = [
                  ["<!doctype html>", "<p>x"], ["<!DOCTYPE html PUBLIC 'x'>", "\n<html>"], ["\ufeff<!doctype html>", "x"],
                  [" \n<!-- a > b --><!-- c -->\n<!doctype html>", "x"], ["", "<html>x"], ["", "x"], ["", "<!ELEMENT a>"],
                  ["", ""], ["", "<"], ["", "<!--" + "y".repeat(9000)], ["<!-- a -->", "<p>x"],
                ];
                (async () => {
                  for (const [before, behind] of documents) {
                    const all = new TextEncoder().encode(before + behind);
                    const cuts = all.length > 100 ? [1, 5000] : [...all.keys()];
                    for (const cut of cuts) {
                      const body = new ReadableStream({
                        start(out) {
                          out.enqueue(all.slice(0, cut));
                          out.enqueue(all.slice(cut));
                          out.close();
                        },
                      });
                      const headers = { "Content-Type": "text/html", "Content-Length": "1", "Content-Encoding": "gzip" };
                      const response = withScript(new Response(body, { headers, status: 206 }));
                      const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await response.arrayBuffer());
                      // A document that ends before it begins needs no script.
                      const expected = ["", "<"].includes(before + behind) ? behind : before + tag + behind;
                      if (text !== expected) console.log(JSON.stringify([text, expected]));
                      if (response.headers.has("Content-Length") || response.headers.has("Content-Encoding")) console.log("length");
                      if (response.status !== 206) console.log("status");
                    }
                  }
                  console.log("done");
                })();
                """#
            )
            #expect(printed == "done\n")
        }

        @Test("The page's policy lets the script in, and nothing else that it did not")
        func policies() throws {
            let printed = try output(
                #"""
                const own = "https://embed.example/.gateway/socket.js";
                const cases = [
                  ["default-src 'self'", `default-src 'self'; script-src 'self' ${own}`],
                  ["default-src 'none'; img-src *", `default-src 'none'; img-src *; script-src ${own}`],
                  ["Script-Src 'none'", `Script-Src ${own}`],
                  ["script-src 'self', default-src 'none'", `script-src 'self' ${own}, default-src 'none'; script-src ${own}`],
                  ["script-src-elem a.example; script-src 'none'", `script-src-elem a.example ${own}; script-src 'none'`],
                  ["img-src *", "img-src *"],
                  ["script-src 'nonce-abc'", "script-src 'nonce-abc'", "abc"],
                  ["script-src 'strict-dynamic' 'sha256-x'", "script-src 'strict-dynamic' 'sha256-x' 'nonce-N'", "N"],
                  // Nonces of directives that do not judge scripts, and what is no nonce.
                  ["style-src 'nonce-s'; script-src 'self'", `style-src 'nonce-s'; script-src 'self' ${own}`],
                  ["script-src 'nonce-a'; script-src-elem 'self'", `script-src 'nonce-a'; script-src-elem 'self' ${own}`],
                  ["default-src 'nonce-d'; script-src 'self'", `default-src 'nonce-d'; script-src 'self' ${own}`],
                  ["script-src 'self'; script-src 'nonce-b'", `script-src 'self' ${own}; script-src 'nonce-b'`],
                  ["default-src 'nonce-d'; style-src 'self'", "default-src 'nonce-d'; style-src 'self'", "d"],
                  [`script-src 'nonce-"><x>' 'self'`, `script-src 'nonce-"><x>' 'self' ${own}`],
                  // Every policy must let it in, and all have the same nonce.
                  ["script-src 'nonce-a', script-src 'self'", `script-src 'nonce-a', script-src 'self' ${own}`, "a"],
                  ["script-src 'nonce-a', default-src 'nonce-b'",
                    `script-src 'nonce-a', default-src 'nonce-b'; script-src 'nonce-b' ${own}`, "a"],
                  ["script-src 'nonce-a', script-src 'nonce-b' 'STRICT-dynamic'",
                    `script-src 'nonce-a' ${own}, script-src 'nonce-b' 'STRICT-dynamic'`, "b"],
                  ["script-src 'nonce-a' 'strict-dynamic', script-src 'nonce-b' 'strict-dynamic', img-src *",
                    "script-src 'nonce-a' 'strict-dynamic' 'nonce-N', script-src 'nonce-b' 'strict-dynamic' 'nonce-N', img-src *",
                    "N"],
                ];
                for (const [policy, expected, nonce] of cases) {
                  const headers = new Headers({ "Content-Security-Policy": policy });
                  const found = allowScript(headers);
                  const text = headers.get("Content-Security-Policy");
                  const isRight = nonce === "N"
                    ? text === expected.replaceAll("nonce-N", "nonce-" + found) && /^[0-9a-f]{32}$/.test(found)
                    : text === expected && found === nonce;
                  if (!isRight) console.log(policy, "=>", text, found);
                }
                console.log("done");
                """#
            )
            #expect(printed == "done\n")
        }

        @Test("A request gets its event's session; redirects, cookies and an order to go take effect")
        func requests() throws {
            let printed = try output(
                #"""
                const stored = new Map();
                globalThis.caches = {
                  open: async () => ({ put: async (key, kept) => stored.set(key, kept), delete: async (key) => say("lost", key) }),
                  delete: async (name) => say("deleted", name),
                };
                globalThis.registration = { unregister: async () => say("unregistered") };
                // Firefox, while a page's own worker waits for what it imports.
                globalThis.clients = { get: () => new Promise(() => {}) };
                const say = (...values) => console.log(JSON.stringify(values));
                let answers = [];
                globalThis.fetch = async (request) => {
                  say(new URL(request.url).pathname, request.redirect, request.headers.get("Gateway-Session"));
                  return answers.shift() ?? new Response("");
                };
                const ask = (path, fields, init) => {
                  if (fields) answers.push(new Response("", { headers: fields }));
                  const request = new Request("https://embed.example" + path, init);
                  return answer({ clientId: "page", waitUntil() {} }, request, new URL(request.url));
                };
                (async () => {
                  loading = Promise.resolve();
                  const until = Date.now() + 900000;
                  for (const [index, event] of ["e1", "e2"].entries()) {
                    sessions.set(event, { event, session: "S" + event, socket: "T", joined: index, until });
                  }
                  await ask("/event/e1/data");
                  await ask("/style.css");
                  const told = await ask("/event/e1/go", { "Gateway-Location": "307 https://other.example/x#y" });
                  say(told.status, told.headers.get("Location"));
                  // The gateway did not know the session: what is public is loaded without it.
                  answers.push({ type: "opaqueredirect", headers: new Headers() });
                  await ask("/public/moved");
                  answers.push({ type: "opaqueredirect", headers: new Headers() });
                  say((await ask("/public/moved", undefined, { redirect: "manual" })).type);
                  await ask("/event/e1/login", { "Gateway-Set-Cookie": "a.1, b.2" });
                  await ask("/event/e1/login", { "Gateway-Set-Cookie": "a." });
                  say(...[...cookies].flat());
                  for (const name of ["c", "d"]) await keepCookies(`${name}.${name.repeat(3000)}`);
                  say(...cookies.keys());
                  // A session that the gateway does not know is forgotten; a document is asked for once without it.
                  const unknown = () => answers.push(
                    new Response("", { status: 401, headers: { "Gateway-Worker": "forget" } }),
                    new Response("", { status: 401 }),
                  );
                  const [first, second] = [sessions.get("e1"), sessions.get("e2")];
                  unknown();
                  say((await ask("/event/e1/data", undefined, { method: "POST", body: "x" })).status, [...sessions.keys()]);
                  answers = [];
                  const page = new Request("https://embed.example/event/e2/page");
                  Object.defineProperty(page, "mode", { value: "navigate" });
                  const show = async () => (await answer({ waitUntil() {} }, page, new URL(page.url))).status;
                  unknown();
                  say(await show(), [...sessions.keys()]);
                  say(await show());
                  // Another page has joined meanwhile.
                  sessions.set("e1", first);
                  await forget({ ...first });
                  say([...sessions.keys()]);
                  sessions.set("e2", second);
                  await ask("/event/e1/data", { "Gateway-Worker": "unregister" });
                  say(sessions.size, cookies.size);
                })();
                """#
            )
            #expect(
                printed == """
                    ["/event/e1/data","manual","Se1"]
                    ["/style.css","manual","Se2"]
                    ["/event/e1/go","manual","Se1"]
                    [307,"https://other.example/x#y"]
                    ["/public/moved","manual","Se2"]
                    ["/public/moved","follow",null]
                    ["/public/moved","manual","Se2"]
                    ["opaqueredirect"]
                    ["/event/e1/login","manual","Se1"]
                    ["/event/e1/login","manual","Se1"]
                    ["b","2"]
                    ["d"]
                    ["/event/e1/data","manual","Se1"]
                    ["lost","/.gateway/sessions/e1"]
                    [401,["e2"]]
                    ["/event/e2/page","manual","Se2"]
                    ["lost","/.gateway/sessions/e2"]
                    ["/event/e2/page","follow",null]
                    [401,[]]
                    ["/event/e2/page","follow",null]
                    [200]
                    [["e1"]]
                    ["/event/e1/data","manual","Se1"]
                    ["deleted","gateway-sessions"]
                    ["deleted","gateway-cookies"]
                    ["unregistered"]
                    [0,0]

                    """
            )
        }

        @Test("A socket to the gateway offers the ticket, and the page does not notice; others are as they were")
        func sockets() throws {
            let printed = try output(
                #"""
                class Native {
                  constructor(address, protocols) {
                    if (!/^(wss?|https?):|^\//.test(address)) throw new SyntaxError(address);
                    this.offered = [address, protocols];
                  }
                  get protocol() {
                    return this.chosen;
                  }
                  addEventListener() {}
                }
                globalThis.WebSocket = Native;
                globalThis.document = undefined;
                eval(socketText({ event: "e\"1</script>\u2028", socket: "T" }));
                const say = (...values) => console.log(JSON.stringify(values));
                say(...new WebSocket("wss://embed.example/a").offered);
                say(...new WebSocket("wss://embed.example/a", "chat").offered);
                say(...new WebSocket("wss://embed.example/a", ["chat", "other"]).offered);
                say(...new WebSocket("wss://other.example/a", "chat").offered);
                say(...new WebSocket("wss://embed.example:8443/a").offered);
                const socket = new WebSocket("/a");
                socket.chosen = "gateway-session.T";
                say(socket.protocol, socket instanceof Native, WebSocket.name);
                socket.chosen = "chat";
                say(socket.protocol);
                try {
                  new WebSocket("nonsense");
                } catch (error) {
                  say(error.name);
                }
                """#
            )
            #expect(
                printed == """
                    ["wss://embed.example/a",["gateway-session.T"]]
                    ["wss://embed.example/a",["chat","gateway-session.T"]]
                    ["wss://embed.example/a",["chat","other","gateway-session.T"]]
                    ["wss://other.example/a","chat"]
                    ["wss://embed.example:8443/a",[]]
                    ["",true,"WebSocket"]
                    ["chat"]
                    ["SyntaxError"]

                    """
            )
        }
    }
}
