extension ServiceWorker {
    /// The part of the worker's script that concerns WebSockets, which no worker sees: a script in each page, and before each
    /// script of a page's own workers, offers the socket ticket with every socket that is opened to the gateway.
    static let pageSource = #"""
        const socketScript = "/.gateway/socket.js";
        // Tells pages of fresh tickets.
        const sockets = self.BroadcastChannel && new BroadcastChannel("gateway-sockets");

        function bytesOf(text) {
          return new TextEncoder().encode(text);
        }

        // Runs in pages and in their workers.
        function offerTicket(event, socket) {
          const Native = self.WebSocket;
          if (!Native || Native.isGateways) return;
          const prefix = "gateway-session.";
          let ticket = socket;
          if (self.BroadcastChannel) {
            new BroadcastChannel("gateway-sockets").onmessage = ({ data }) => {
              if (data.event === event) ticket = data.socket;
            };
          }
          const worker = self.document && navigator.serviceWorker;
          const refresh = () => worker?.controller?.postMessage({ renews: event });
          if (worker) setInterval(refresh, 240000);
          const isOwn = (address) => {
            try {
              return new URL(address, self.document?.baseURI ?? self.location.href).host === self.location.host;
            } catch {
              return false;
            }
          };
          class WebSocket extends Native {
            constructor(address, protocols = []) {
              super(address, isOwn(address) ? [protocols, prefix + ticket].flat() : protocols);
              // The page slept for longer than the ticket is good.
              if (isOwn(address)) this.addEventListener("error", refresh);
            }
            // The application did not offer ours.
            get protocol() {
              const chosen = super.protocol;
              return chosen.startsWith(prefix) ? "" : chosen;
            }
          }
          Object.defineProperty(WebSocket, "isGateways", { value: true });
          self.WebSocket = WebSocket;
        }

        // Runs there too. Applications remove workers and caches that they do not know, which would take the session along.
        function keepWorker() {
          const registration = self.ServiceWorkerRegistration?.prototype;
          const unregister = registration?.unregister;
          if (unregister) {
            registration.unregister = async function () {
              const isOurs = ({ scriptURL }) => new URL(scriptURL).pathname === "/.gateway/worker.js";
              const workers = [this.active, this.waiting, this.installing].filter((worker) => worker);
              return workers.some(isOurs) ? false : unregister.call(this);
            };
          }
          const storage = self.CacheStorage?.prototype;
          if (!storage) return;
          const { keys, delete: remove } = storage;
          const isOurs = (name) => String(name).startsWith("gateway-");
          storage.keys = async function () {
            return (await keys.call(this)).filter((name) => !isOurs(name));
          };
          storage.delete = async function (name) {
            return isOurs(name) ? false : remove.call(this, name);
          };
        }

        function socketText({ event, socket }) {
          return `(${keepWorker})();(${offerTicket})(${JSON.stringify(event)}, ${JSON.stringify(socket)});\n`;
        }

        async function socketPage(event, request, url) {
          const kept = await held(event, request, url);
          const headers = { "Content-Type": "text/javascript", "Cache-Control": "no-store" };
          return new Response(kept?.socket ? socketText(kept) : "", { headers });
        }

        function withSockets(request, response, kept) {
          if (!response.ok || !response.body || !kept.socket) return response;
          const type = response.headers.get("Content-Type") ?? "";
          if (/^text\/html/i.test(type) && !/charset="?utf-16/i.test(type) && request.mode === "navigate") {
            return withScript(response);
          }
          const isWorker = request.destination === "worker" || request.destination === "sharedworker";
          return isWorker ? again(response, new Headers(response.headers), startingWith(bytesOf(socketText(kept)))) : response;
        }

        function again(response, headers, transform) {
          headers.delete("Content-Length");
          headers.delete("Content-Encoding");
          const { status, statusText } = response;
          return new Response(response.body.pipeThrough(transform), { status, statusText, headers });
        }

        function startingWith(start) {
          return new TransformStream({ start: (out) => out.enqueue(start) });
        }

        // Puts the script behind the doctype, so that the page stays in its mode and the script comes before all others.
        function withScript(response) {
          const headers = new Headers(response.headers);
          const nonce = allowScript(headers);
          const tag = bytesOf(`<script${nonce ? ` nonce="${nonce}"` : ""} src="${socketScript}"></script>`);
          let begun = new Uint8Array(0);
          let isDone = false;
          const transform = new TransformStream({
            transform(chunk, out) {
              if (isDone) return out.enqueue(chunk);
              begun = joined(begun, chunk);
              const place = placeOf(begun);
              if (place === undefined) return;
              isDone = true;
              out.enqueue(joined(joined(begun.subarray(0, place), tag), begun.subarray(place)));
            },
            flush(out) {
              if (!isDone) out.enqueue(begun);
            },
          });
          return again(response, headers, transform);
        }

        function joined(first, second) {
          const all = new Uint8Array(first.length + second.length);
          all.set(first);
          all.set(second, first.length);
          return all;
        }

        // Where the script goes in a page that begins like this; undefined if more of it must be seen.
        function placeOf(bytes) {
          const limit = 8192;
          const text = Array.from(bytes.subarray(0, limit), (byte) => String.fromCharCode(byte)).join("");
          const start = /^(?:\xef\xbb\xbf)?(?:\s|<!--[^]*?-->)*/.exec(text)[0].length;
          const rest = text.slice(start);
          const doctype = /^<!doctype[^>]*>/i.exec(rest);
          if (doctype) return start + doctype[0].length;
          const isOpen = /^(?:\xef\xbb?)?$/.test(rest) || /^<(?:!(?:-[^]*|[a-z]*[^>]*)?)?$/i.test(rest);
          return isOpen && bytes.length < limit ? undefined : start;
        }

        // Lets the page's policies have the script, all of which must. Returns the nonce that it needs, if any.
        function allowScript(headers) {
          const field = "Content-Security-Policy";
          const text = headers.get(field);
          if (!text) return undefined;
          const policies = text.split(",").map(policyOf);
          const judging = policies.map(({ judge }) => judge).filter((judge) => judge);
          const strict = judging.filter(isStrict);
          // The page's own serves if no strict policy lacks it.
          let nonce = judging.flat().find((word) => isNonce.test(word) && strict.every((judge) => judge.includes(word)));
          if (!nonce && strict.length) {
            const bytes = crypto.getRandomValues(new Uint8Array(16));
            nonce = `'nonce-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
          }
          for (const { directives, judge } of policies) {
            if (!judge || judge.includes(nonce)) continue;
            const source = isStrict(judge) ? nonce : location.origin + socketScript;
            const words = [...judge.filter((word) => word.toLowerCase() !== "'none'"), source];
            if (judge[0].toLowerCase() === "default-src") {
              directives.push(["script-src", ...words.slice(1)]);
            } else {
              directives[directives.indexOf(judge)] = words;
            }
          }
          const textOf = ({ directives }) => directives.map((words) => words.join(" ")).join("; ");
          headers.set(field, policies.map(textOf).join(", "));
          return nonce && isNonce.exec(nonce)[1];
        }

        const isNonce = /^'nonce-([\w+/-]+={0,2})'$/i;

        // The directives of a policy, and the one that judges scripts: CSP 3, section 6.8.3.
        function policyOf(text) {
          const directives = text.split(";").map((directive) => directive.trim().split(/\s+/));
          const named = (name) => directives.find(([first]) => first.toLowerCase() === name);
          return { directives, judge: named("script-src-elem") ?? named("script-src") ?? named("default-src") };
        }

        // Whether it lets nothing in by its address.
        function isStrict(judge) {
          return judge.some((word) => word.toLowerCase() === "'strict-dynamic'");
        }

        """#
}
