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

      const state = document.getElementById("live");
      const collect = (name) => {
        const found = new Map();
        for (const element of document.querySelectorAll(`[data-${name}]`)) {
          const key = element.dataset[name];
          found.set(key, [...(found.get(key) ?? []), element]);
        }
        return found;
      };
      const [texts, paths, rows] = [collect("live"), collect("path"), collect("row")];

      const show = (word, isOn) => {
        if (state.textContent === word) return;
        state.textContent = word;
        state.toggleAttribute("data-on", isOn);
      };

      const read = ({ data }) => {
        const reading = JSON.parse(data);
        if (layout && reading.layout !== layout) {
          location.reload();
          return;
        }
        for (const [key, text] of Object.entries(reading.texts)) {
          for (const element of texts.get(key) ?? []) {
            if (element.textContent !== text) element.textContent = text;
            if (element.parentElement.dataset.state !== undefined) element.parentElement.dataset.state = text;
          }
          for (const row of rows.get(key) ?? []) row.hidden = text === "0";
        }
        for (const [key, path] of Object.entries(reading.paths ?? {})) {
          for (const element of paths.get(key) ?? []) element.setAttribute("d", path);
        }
        show("live", true);
      };

      let source;
      let timer;
      const open = () => {
        clearTimeout(timer);
        source?.close();
        source = new EventSource(events);
        source.addEventListener("reading", read);
        source.onerror = () => {
          show("not live", false);
          // After an answer that is no stream, the browser does not try again by itself: we are signed out, or too many
          // watch.
          if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, 10000);
        };
      };
      // A page that nobody sees needs no values, and browsers allow few connections to one host.
      const follow = () => {
        if (document.hidden) {
          clearTimeout(timer);
          source?.close();
          show("not live", false);
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
