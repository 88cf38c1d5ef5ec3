/// The assets of the company's site.
enum PortalAssets {
    static let script = """
        for (const time of document.querySelectorAll("time")) {
            const format = { weekday: "short", hour: "2-digit", minute: "2-digit" };
            time.textContent = new Date(time.dateTime).toLocaleString([], format);
        }

        // What the gateway decides, as lines of its access log.
        const decisions = document.getElementById("decisions");
        if (decisions) {
            new EventSource("/decisions").onmessage = ({ data }) => {
                const line = JSON.parse(data);
                decisions.querySelector(".empty")?.remove();
                const item = document.createElement("li");
                const part = (name, text) => {
                    const span = document.createElement("span");
                    span.className = name;
                    span.textContent = text;
                    item.append(span);
                };
                const verdict = line.verdict ?? (line.path?.startsWith("/api/") ? "backend" : "public");
                item.dataset.verdict = verdict;
                part("verdict", verdict);
                part("request", `${line.method} ${line.path}`);
                const why = [line.refusal, line.fault, line.role, line.session && `session ${line.session.slice(0, 8)}`];
                part("detail", [line.status, ...why].filter(Boolean).join(" · "));
                item.title = data;
                decisions.prepend(item);
                while (decisions.children.length > 50) decisions.lastChild.remove();
                // Somebody may have come or gone.
                if (line.verdict === "join" || line.status === 101) showAudience?.();
            };
        }

        const tabs = document.querySelectorAll("[data-code]");
        for (const tab of tabs) {
            tab.onclick = () => {
                for (const other of tabs) {
                    other.setAttribute("aria-pressed", other === tab);
                    document.getElementById(other.dataset.code).hidden = other !== tab;
                }
            };
        }
        const copy = document.getElementById("copy");
        if (copy) {
            copy.onclick = async () => {
                const code = document.querySelector("pre:not([hidden])");
                try {
                    await navigator.clipboard.writeText(code.textContent);
                    copy.textContent = "Copied";
                } catch {
                    getSelection().selectAllChildren(code);
                    copy.textContent = "Selected";
                }
                setTimeout(() => { copy.textContent = "Copy"; }, 2000);
            };
        }

        // A form that changes something, without leaving the page and its frame.
        document.addEventListener("submit", async (event) => {
            if (!event.target.closest(".actions, #audience")) return;
            event.preventDefault();
            const { action } = event.target;
            await fetch(action, { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
            await showAudience?.();
        });

        const audience = document.getElementById("audience");
        const showAudience = audience && (async () => {
            const answer = await fetch(audience.dataset.list);
            if (!answer.ok) return;
            const rows = (await answer.json()).map((session) => {
                const row = document.createElement("tr");
                const cell = (content) => row.insertCell().append(content);
                cell(session.name ?? session.userId);
                cell(session.role);
                cell(new Date(session.joinedAt).toLocaleTimeString());
                const actions = document.createElement("div");
                const button = (text, path) => {
                    const form = audience.querySelector("template").content.firstElementChild.cloneNode(true);
                    form.action = audience.dataset.list.replace(/sessions$/, path);
                    form.elements.email.value = session.email;
                    form.querySelector("button").textContent = text;
                    actions.append(form);
                };
                if (session.email !== "grace@acme.example") {
                    const isHost = session.role === "host";
                    button(isHost ? "Make attendee" : "Make presenter", isHost ? "attendee" : "presenter");
                    button("Send away for a minute", "send-away");
                }
                cell(actions);
                return row;
            });
            audience.querySelector("tbody").replaceChildren(...rows);
        });
        showAudience?.();

        """

    static let style = """
        \(DemoAssets.look)
        :root { --good: light-dark(#0b6b3a, #5fd394); --bad: light-dark(#b3261e, #ff8a80); }
        header {
            display: flex; align-items: center; justify-content: space-between; flex-wrap: wrap; gap: .5rem; padding: .9rem 1.25rem;
            background: var(--card); border-bottom: 1px solid var(--line);
        }
        header a { display: flex; align-items: center; gap: .6rem; font-weight: 600; color: inherit; text-decoration: none; }
        main { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
        .narrow { max-width: 47rem; }
        .wide { max-width: 88rem; display: grid; gap: 1.5rem; grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); }
        @media (max-width: 60rem) { .wide { grid-template-columns: minmax(0, 1fr); } }
        h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; }
        h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
        aside h2:first-child { margin-top: .5rem; }
        a { color: var(--accent); }
        iframe { display: block; width: 100%; height: 40rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--card); }
        .cards { padding: 0; list-style: none; display: grid; gap: .75rem; }
        .cards a, .cards button {
            display: block; width: 100%; padding: .9rem 1.25rem; text-align: left; font: inherit; color: inherit; text-decoration: none;
            border: 1px solid var(--line); border-radius: .75rem; background: var(--card); cursor: pointer;
        }
        .cards a:hover, .cards button:hover { border-color: var(--accent); }
        .cards strong { display: block; color: var(--accent); }
        .cards span, .actions p, .legend { color: var(--soft); }
        .legend { margin: 0 0 .75rem; font-size: .85rem; }
        .account { display: flex; align-items: center; gap: .75rem; }
        .actions { display: flex; align-items: center; flex-wrap: wrap; gap: .75rem 1rem; margin-top: 1rem; }
        .actions p { flex: 1 1 18rem; margin: 0; }
        button {
            font: inherit; padding: .35rem .9rem; border: 1px solid var(--line); border-radius: .5rem;
            color: var(--accent); background: var(--card); cursor: pointer;
        }
        button[aria-pressed=true] { border-color: var(--accent); font-weight: 600; }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        .tabs { display: flex; gap: .5rem; }
        #copy { margin-left: auto; }
        pre {
            overflow: auto; max-height: 22rem; padding: 1rem; font-size: .8rem; line-height: 1.5;
            border: 1px solid var(--line); border-radius: .75rem; background: var(--card);
        }
        #decisions { height: 20rem; overflow: auto; margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: .75rem; background: var(--card); }
        #decisions li { display: grid; grid-template-columns: 5rem minmax(0, 1fr); gap: 0 .5rem; padding: .45rem .9rem; font-size: .85rem; border-bottom: 1px solid var(--line); }
        #decisions .empty { display: block; color: var(--soft); }
        .verdict { grid-row: span 2; font-weight: 600; color: var(--soft); }
        [data-verdict=join] .verdict, [data-verdict=admit] .verdict { color: var(--good); }
        [data-verdict=refuse] .verdict { color: var(--bad); }
        .request { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
        .detail { color: var(--soft); }
        table { width: 100%; border-collapse: collapse; }
        th, td { padding: .4rem .5rem .4rem 0; text-align: left; border-top: 1px solid var(--line); }
        th { font-weight: 500; color: var(--soft); }
        td div { display: flex; flex-wrap: wrap; gap: .4rem; }
        .hidden { position: absolute; clip-path: inset(50%); }

        """
}
