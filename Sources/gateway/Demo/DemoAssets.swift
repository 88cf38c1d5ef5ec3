/// The assets of the demo's pages, each a resource of its own, as on real pages.
enum DemoAssets {
    /// Shows the clock and whether it is live. When it stops, asks the gateway what happened.
    static let script = """
        const state = document.getElementById("state");
        const clock = document.getElementById("clock");
        const notice = document.getElementById("notice");
        let pause = 500;

        function show(name) {
            state.textContent = name;
            state.dataset.state = name;
        }

        function tell(title, detail, offersTakeOver) {
            document.getElementById("notice-title").textContent = title;
            document.getElementById("notice-detail").textContent = detail;
            notice.querySelector("form").hidden = !offersTakeOver;
            notice.hidden = false;
        }

        function connect() {
            const address = new URL(location.pathname.replace(/\\/$/, "") + "/live", location.href);
            address.protocol = address.protocol.replace("http", "ws");
            const socket = new WebSocket(address);
            socket.onopen = () => {
                pause = 500;
                notice.hidden = true;
                show("connected");
            };
            socket.onmessage = (message) => {
                clock.textContent = new Date(message.data).toLocaleTimeString();
            };
            socket.onclose = () => {
                show("closed");
                askWhy();
            };
        }

        // A socket only says that it ended. The gateway knows whether the session did.
        async function askWhy() {
            let answer;
            try {
                answer = await fetch("/.gateway/session", { headers: { Accept: "application/json" } });
            } catch {
                tell("The gateway does not answer", "Trying again.", false);
                return again();
            }
            if (answer.ok) return again();
            const problem = await answer.json();
            if (problem.code === "session_replaced") show("replaced");
            tell(problem.title, problem.detail, problem.code === "session_replaced");
        }

        function again() {
            setTimeout(connect, pause);
            pause = Math.min(pause * 2, 8000);
        }

        connect();

        """

    /// What the pages of both sites have in common.
    static let look = """
        :root {
            color-scheme: light dark;
            --ink: light-dark(#1c2430, #e8edf4);
            --soft: light-dark(#5b6675, #9aa7b8);
            --ground: light-dark(#f5f7fa, #12161d);
            --card: light-dark(#ffffff, #1b212b);
            --line: light-dark(#dfe4ea, #2d3644);
            --accent: light-dark(#1f5fd0, #7db0ff);
        }
        * { box-sizing: border-box; }
        body { margin: 0; font: 1rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--ground); }
        """

    static let style = """
        \(look)
        header {
            display: flex; align-items: center; gap: .6rem; padding: .9rem 1.25rem;
            font-weight: 600; background: var(--card); border-bottom: 1px solid var(--line);
        }
        main { max-width: 47rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
        h1 { font-size: 1.75rem; line-height: 1.2; margin: 1.5rem 0 .5rem; }
        h2 { font-size: 1.1rem; margin: 0; }
        a { color: var(--accent); }
        .stage { position: relative; border-radius: .75rem; overflow: hidden; background: #0c1220; }
        .stage img { display: block; width: 100%; height: auto; }
        .state {
            position: absolute; top: 1rem; left: 1rem; margin: 0; padding: .2rem .75rem .25rem 1.75rem;
            border-radius: 1rem; background: #000a; color: #fff; font-size: .9rem;
        }
        .state::before {
            content: ""; position: absolute; left: .75rem; top: 50%; width: .6rem; height: .6rem;
            margin-top: -.3rem; border-radius: 50%; background: #f2c14e;
        }
        .state[data-state=connected]::before { background: #3ecf75; }
        .state[data-state=replaced]::before, .state[data-state=closed]::before { background: #ff5d5d; }
        .clock {
            position: absolute; inset: 21% 0 auto; margin: 0; text-align: center; color: #eaf2ff;
            font: 600 clamp(1.25rem, 5vw, 2.75rem)/1 ui-monospace, monospace;
        }
        .notice {
            margin-bottom: 1rem; padding: 1rem 1.25rem; border-radius: .75rem;
            background: var(--card); border: 1px solid #ff5d5d;
        }
        .notice p { margin: .25rem 0 0; }
        .notice form { margin-top: .9rem; }
        button {
            font: inherit; font-weight: 600; padding: .55rem 1.1rem; border: 0; border-radius: .5rem;
            color: light-dark(#fff, #10151d); background: var(--accent); cursor: pointer;
        }
        .role {
            vertical-align: .3em; margin-left: .4rem; padding: .15rem .6rem; border-radius: 1rem;
            font-size: .8rem; font-weight: 600; border: 1px solid var(--line); color: var(--soft);
        }
        .role[data-role=host] { color: #10151d; background: #f2c14e; border-color: #f2c14e; }
        details { margin-top: 1.5rem; padding: .75rem 1.25rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--card); }
        summary { cursor: pointer; }
        table { width: 100%; margin-top: .75rem; border-collapse: collapse; font-size: .85rem; }
        th, td { padding: .35rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
        th { padding-right: 1.5rem; font-weight: 500; white-space: nowrap; color: var(--soft); }
        td { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }

        """

    static let mark = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
        <rect width="32" height="32" rx="8" fill="#1f5fd0"/>
        <path d="M9 24V13a7 7 0 0 1 14 0v11" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>
        <circle cx="16" cy="18" r="3" fill="#f2c14e"/>
        </svg>

        """

    static let stage = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 540">
        <defs>
        <linearGradient id="room" x2="0" y2="1"><stop stop-color="#0c1220"/><stop offset="1" stop-color="#1d2b4d"/></linearGradient>
        <linearGradient id="beam" x2="0" y2="1"><stop stop-color="#fff" stop-opacity=".3"/><stop offset="1" stop-color="#fff" stop-opacity="0"/></linearGradient>
        </defs>
        <rect width="960" height="540" fill="url(#room)"/>
        <rect x="230" y="60" width="500" height="230" rx="10" fill="#16264a" stroke="#3c5ea8" stroke-width="3"/>
        <path d="M120 0l90 380h120L170 0zM840 0l-90 380H630L790 0z" fill="url(#beam)"/>
        <path d="M120 400h720l60 40H60z" fill="#263a68"/>
        <path d="M60 440h840v26H60z" fill="#1a294c"/>
        <rect x="452" y="340" width="56" height="66" rx="6" fill="#3c5ea8"/>
        <circle cx="480" cy="310" r="17" fill="#f2c14e"/>
        <g fill="#0a0f1b">
        <circle cx="90" cy="500" r="34"/><circle cx="200" cy="512" r="38"/><circle cx="320" cy="500" r="34"/>
        <circle cx="430" cy="514" r="38"/><circle cx="545" cy="502" r="34"/><circle cx="655" cy="514" r="38"/>
        <circle cx="770" cy="500" r="34"/><circle cx="880" cy="512" r="38"/>
        </g>
        </svg>

        """
}
