/// How the console looks: the system's font, the browser's light or dark, one column where the screen is narrow.
let consoleStyle = """
    :root {
      color-scheme: light dark;
      --ground: light-dark(#f6f7f9, #14171c); --panel: light-dark(#fff, #1d2128); --text: light-dark(#1b1f24, #e6e9ee);
      --soft: light-dark(#57606a, #a3acb8); --line: light-dark(#d5dae1, #363d47); --main: light-dark(#0b57c2, #7cb1ff);
      --on-main: light-dark(#fff, #0d1a2c); --bad: light-dark(#b3261e, #ff9d94); --warn: light-dark(#8a5300, #f3b85d);
      --good: light-dark(#1a6b36, #77d597);
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
    header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.25rem; padding: .6rem 1.25rem;
      background: var(--panel); border-bottom: 1px solid var(--line); }
    .brand { white-space: nowrap; }
    nav { display: flex; flex-wrap: wrap; gap: .15rem; flex: 1 1 auto; }
    nav a { padding: .3rem .65rem; border-radius: .35rem; color: var(--text); text-decoration: none; }
    nav a:hover { text-decoration: underline; }
    nav a[aria-current] { background: var(--main); color: var(--on-main); }
    .who { display: flex; align-items: center; gap: .6rem; }
    .who form { margin: 0; }
    main { max-width: 84rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; }
    main:focus { outline: none; }
    main.alone { max-width: 27rem; padding-top: 12vh; }
    main.alone label, main.alone input { display: block; width: 100%; margin-bottom: .5rem; }
    h1 { font-size: 1.4rem; margin: .3rem 0 1rem; }
    h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }
    a { color: var(--main); }
    code, pre, .log { font-family: ui-monospace, monospace; font-size: .92em; }
    code { overflow-wrap: anywhere; }
    :focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
    [hidden] { display: none !important; }
    .skip { position: absolute; left: -99rem; }
    .skip:focus { left: .5rem; top: .5rem; background: var(--panel); padding: .5rem; z-index: 1; }
    .tag { padding: .1rem .5rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--soft); font-size: .85rem;
      white-space: nowrap; }
    [data-stale] :is([data-live], .chart svg) { opacity: .45; }
    /* As wide live as not live, so that nothing moves when that changes. */
    #live { min-width: 5.4em; text-align: center; }
    .tag[data-on] { color: var(--good); border-color: currentColor; }
    button, .button, input, select, textarea { font: inherit; color: inherit; padding: .4rem .75rem; border: 1px solid var(--line);
      border-radius: .35rem; background: var(--panel); max-width: 100%; min-height: 2.25rem; }
    button, .button { cursor: pointer; text-decoration: none; display: inline-block; white-space: nowrap; }
    button:hover, .button:hover { border-color: currentColor; }
    button.main { background: var(--main); border-color: var(--main); color: var(--on-main); }
    button.danger { background: var(--bad); border-color: var(--bad); color: light-dark(#fff, #2b0a07); }
    button.quiet { background: none; }
    input[type=radio] { min-height: 0; margin: 0; }
    label { display: inline-block; }
    fieldset { border: 1px solid var(--line); border-radius: .35rem; margin: 0 0 1rem; padding: .6rem 1rem; }
    .choice { display: block; padding: .25rem 0; min-height: 2rem; }
    .choice input { margin-right: .4rem; }
    .notice { padding: .6rem .9rem; border-left: 4px solid var(--good); background: var(--panel); }
    .fault { color: var(--bad); margin: .25rem 0; }
    .notice.bad { border-color: var(--bad); }
    .alarms { list-style: none; margin: 0 0 1rem; padding: .6rem .9rem; background: var(--bad); border-radius: .35rem;
      color: light-dark(#fff, #2b0a07); font-weight: 600; overflow-wrap: anywhere; }
    .alarms:not(:has(li:not([hidden]))) { display: none; }
    .tiles { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem; margin: 0 0 1rem; }
    .tiles li { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .55rem .8rem; }
    .what { display: block; color: var(--soft); font-size: .85rem; }
    .value { font-size: 1.35rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    .value small { font-size: .8rem; color: var(--soft); }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: .6rem; }
    .chart:last-child:nth-child(odd) { grid-column: 1 / -1; }
    .chart { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
    .chart figcaption { display: flex; flex-wrap: wrap; gap: 0 .75rem; }
    .chart .top { margin-left: auto; color: var(--soft); font-size: .85rem; }
    .chart svg { display: block; width: 100%; height: 7rem; margin: .35rem 0; border-bottom: 1px solid var(--line);
      border-top: 1px dashed var(--line); overflow: visible; }
    .chart path { fill: none; stroke: var(--stroke); stroke-width: 1.75; stroke-linecap: round; vector-effect: non-scaling-stroke; }
    .chart path.dot { stroke-width: 6; stroke-dasharray: none; }
    .chart path:is(.grid, .cursor) { stroke: var(--line); stroke-width: 1; stroke-dasharray: 2 3; }
    .chart path.cursor { stroke: var(--text); stroke-dasharray: none; }
    .line0 { --stroke: var(--main); } .line1 { --stroke: var(--warn); } .line2 { --stroke: var(--bad); }
    .line3 { --stroke: var(--good); } .line4 { --stroke: var(--text); } .line5 { --stroke: var(--soft); }
    path:is(.line1, .line4) { stroke-dasharray: 5 2; } path:is(.line2, .line5) { stroke-dasharray: 2 2; }
    .key { font-size: .85rem; white-space: nowrap; }
    .key::before { content: ""; display: inline-block; width: 1.2rem; margin-right: .3rem; vertical-align: middle;
      border-top: 2px solid var(--stroke); }
    .key:is(.line1, .line4)::before { border-top-style: dashed; } .key:is(.line2, .line5)::before { border-top-style: dotted; }
    .chart svg { cursor: crosshair; touch-action: pan-y; }
    .at { margin: 0; min-height: 1.3rem; font-size: .85rem; font-variant-numeric: tabular-nums; }
    .axis { display: grid; grid-template-columns: 1fr 2fr 2fr 2fr 1fr; white-space: nowrap; color: var(--soft); font-size: .8rem; }
    .axis span { text-align: center; }
    .axis span:first-child { text-align: left; } .axis span:last-child { text-align: right; }
    .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: 0 1.5rem;
      align-items: start; }
    table { border-collapse: collapse; width: 100%; margin: 1rem 0; background: var(--panel); }
    caption { text-align: left; font-weight: 600; padding: .3rem 0; }
    th, td { text-align: left; vertical-align: top; padding: .45rem .65rem; border: 1px solid var(--line); }
    thead th { color: var(--soft); font-weight: 600; }
    tbody th { font-weight: 400; }
    td form { margin: 0; }
    .counts td { font-variant-numeric: tabular-nums; text-align: right; width: 8rem; }
    .counts tbody:not(:has(tr:not([hidden])))::after { content: "none yet"; display: table-cell; padding: .45rem .65rem;
      color: var(--soft); }
    small { color: var(--soft); }
    bdi { overflow-wrap: anywhere; }
    .state[data-state=up] { color: var(--good); } .state[data-state=down] { color: var(--bad); font-weight: 600; }
    .state[data-state=drained] { color: var(--warn); font-weight: 600; }
    .filter { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: end; }
    .filter label { display: grid; gap: .2rem; color: var(--soft); font-size: .85rem; }
    .filter :is(input, select, textarea) { color: var(--text); font-size: 15px; }
    .filter .long { flex-basis: 100%; }
    .long textarea { width: 100%; max-width: 60rem; font-family: ui-monospace, monospace; }
    .add { margin: 0 0 1rem; }
    summary { cursor: pointer; padding: .4rem 0; color: var(--main); }
    .once { user-select: all; padding: .3rem .5rem; background: var(--panel); border: 1px solid var(--line); display: inline-block; }
    .facts { display: grid; grid-template-columns: minmax(7rem, 14rem) 1fr; }
    .facts > * { margin: 0; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
    .facts dt { color: var(--soft); } .facts dd { overflow-wrap: anywhere; }
    pre, .log { background: var(--panel); border: 1px solid var(--line); border-radius: .35rem; padding: .75rem; margin: 0;
      overflow: auto; max-height: 75vh; }
    .log ol { list-style: none; margin: 0; padding: 0; }
    .log li { padding: .15rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; white-space: pre-wrap; }
    .log [data-level=warning] { color: var(--warn); } .log [data-level=error] { color: var(--bad); }
    @media (max-width: 46rem) {
      header, main { padding-left: .8rem; padding-right: .8rem; }
      header { gap: .4rem; }
      nav { order: 3; flex-basis: 100%; }
      nav a { padding: .3rem .45rem; }
      .who { margin-left: auto; gap: .35rem; }
      .brand { font-size: .9rem; }
      .tag { padding: .1rem .35rem; font-size: .75rem; }
      .who button { padding: .3rem .4rem; }
      table:not(.counts) thead { position: absolute; left: -99rem; }
      table:not(.counts), table:not(.counts) :is(tbody, tr, td) { display: block; }
      table:not(.counts) caption { display: block; }
      table:not(.counts) { background: none; }
      table:not(.counts) tr { border: 1px solid var(--line); padding: .4rem .6rem; margin-bottom: .6rem; background: var(--panel); }
      table:not(.counts) td { border: 0; padding: .15rem 0; display: grid; grid-template-columns: 6.5rem 1fr; gap: .5rem; }
      table:not(.counts) td > * { min-width: 0; grid-column: 2; }
      table:not(.counts) td::before { content: attr(data-label); color: var(--soft); grid-column: 1; grid-row: 1; }
      table:not(.counts) td br { display: none; }
      table:not(.counts) td:is(:empty, :has(> bdi:only-child:empty)) { display: none; }
      .tiles { grid-template-columns: 1fr 1fr; }
      .counts td { width: 5rem; }
      .facts { grid-template-columns: 1fr; }
      .facts dt { border: 0; padding-bottom: 0; }
    }

    """
