/// Keeps the values of a page up to date, and shows times in the browser's zone to whoever points at them. It makes no
/// markup: it changes texts, the shapes of charts, and which rows are hidden. A secret that is shown once goes with its
/// page, and the way back does not lead to it.
let consoleScript = """
    "use strict";
    (() => {
      for (const time of document.querySelectorAll("time")) {
        time.title = new Date(time.dateTime).toLocaleString();
      }
      const { address, events, layout } = document.body.dataset;
      if (address) history.replaceState(null, "", address);
      addEventListener("pagehide", () => {
        for (const secret of document.querySelectorAll("[data-once]")) secret.textContent = "shown once";
      });
      if (!events) return;

      const [state, stale] = [document.getElementById("live"), document.getElementById("stale")];
      // When the values were read that the page shows.
      let last = Date.now();
      // When the charts had their last value.
      let drawn = last;
      const collect = (name) => {
        const found = new Map();
        for (const element of document.querySelectorAll(`[data-${name}]`)) {
          const key = element.dataset[name];
          found.set(key, [...(found.get(key) ?? []), element]);
        }
        return found;
      };
      const [texts, paths, rows] = [collect("live"), collect("path"), collect("row")];

      const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
      // Shows whether the values are of now and, if not, why.
      const show = (why) => {
        const isLive = why === undefined;
        setText(state, isLive ? "live" : "not live");
        state.toggleAttribute("data-on", isLive);
        document.body.toggleAttribute("data-stale", !isLive);
        stale.hidden = isLive;
        if (!isLive) setText(stale, `Last reading ${new Date(last).toISOString().slice(11, 19)} UTC. ${why}`);
      };

      const read = ({ data }) => {
        const reading = JSON.parse(data);
        if (layout && reading.layout !== layout) {
          location.reload();
          return;
        }
        for (const [key, text] of Object.entries(reading.texts)) {
          for (const element of texts.get(key) ?? []) {
            setText(element, text);
            if (element.parentElement.dataset.state !== undefined) element.parentElement.dataset.state = text;
          }
          for (const row of rows.get(key) ?? []) row.hidden = text === "0" || text === "";
        }
        for (const [key, path] of Object.entries(reading.paths ?? {})) {
          for (const element of paths.get(key) ?? []) element.setAttribute("d", path);
        }
        for (const [key, values] of Object.entries(reading.values ?? {})) {
          for (const element of paths.get(key) ?? []) element.dataset.values = values;
        }
        if (reading.paths) drawn = Date.now();
        last = Date.now();
        show();
      };

      // The values of a chart where somebody points, or where the arrow keys lead.
      const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
      for (const chart of document.querySelectorAll(".chart")) {
        const svg = chart.querySelector("svg");
        const [cursor, at] = [chart.querySelector(".cursor"), chart.querySelector(".at")];
        const lines = [...chart.querySelectorAll("[data-values]")];
        const end = svg.viewBox.baseVal.width - 1;
        let place = end;
        const point = (wanted) => {
          place = Math.min(Math.max(wanted, 0), end);
          const values = lines.map(({ dataset }) => {
            const value = dataset.values.split(",")[place];
            return `${dataset.name} ${value ? number.format(value) : "none"}`;
          });
          const moment = new Date(drawn - (end - place) * 10000).toISOString().slice(11, 19);
          const text = `${moment} UTC: ${values.join(", ")} ${svg.dataset.unit}`.trim();
          at.textContent = text;
          svg.setAttribute("aria-valuenow", place);
          svg.setAttribute("aria-valuetext", text);
          cursor.setAttribute("d", `M${place} 0V100`);
        };
        const leave = () => {
          at.textContent = "";
          cursor.setAttribute("d", "");
        };
        svg.addEventListener("pointermove", ({ clientX }) => {
          const { left, width } = svg.getBoundingClientRect();
          point(Math.floor((clientX - left) / width * (end + 1)));
        });
        svg.addEventListener("pointerleave", leave);
        svg.addEventListener("focus", () => point(place));
        svg.addEventListener("blur", leave);
        const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30,
          Home: -Infinity, End: Infinity };
        svg.addEventListener("keydown", (event) => {
          if (steps[event.key] === undefined) return;
          event.preventDefault();
          point(place + steps[event.key]);
        });
      }

      let source;
      let timer;
      const open = () => {
        clearTimeout(timer);
        source?.close();
        source = new EventSource(events);
        source.addEventListener("reading", read);
        source.onerror = () => {
          show("The gateway does not answer. Trying again.");
          // After an answer that is no stream, the browser does not try again by itself.
          if (source.readyState === EventSource.CLOSED) ask();
        };
      };
      // Asks why there is no stream: we are signed out, or too many watch.
      const ask = async () => {
        let status = 0;
        try {
          status = (await fetch(events, { method: "HEAD", redirect: "error" })).status;
        } catch {}
        if (status === 401) {
          location.assign(`/console/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`);
          return;
        }
        if (status === 503) show("Too many pages are kept up to date at this moment. Trying again.");
        if (!document.hidden) timer = setTimeout(open, 5000);
      };
      // The stream may stay open and bring nothing, such as through a proxy that holds it back.
      const silence = 10000;
      setInterval(() => {
        if (!document.hidden && Date.now() - last > silence && stale.hidden) show("No readings arrive. Waiting.");
      }, 2000);
      // A page that nobody sees needs no values, and browsers allow few connections to one host.
      const follow = () => {
        if (document.hidden) {
          clearTimeout(timer);
          source?.close();
        } else {
          open();
        }
      };
      document.addEventListener("visibilitychange", follow);
      addEventListener("pagehide", () => source?.close());
      addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
      follow();
    })();

    """
