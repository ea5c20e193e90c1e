// What the browser does about charts that no setting of Streamlit or Plotly does. Once a page, for all charts.
(() => {
  if (window.chartsAreWatched) return;
  window.chartsAreWatched = true;
  const zoomed = new WeakSet();
  let pausedForZoom = false, looked = false, later, leaving = -Infinity;

  // A swipe that begins on a chart scrolls the page; a tap comes as a click of the mouse, which Plotly takes.
  for (const kind of ["touchstart", "touchmove"]) {
    window.addEventListener(kind, event => {
      if (event.target.closest?.(".js-plotly-plot .draglayer")) event.stopPropagation();
    }, { capture: true, passive: true });
  }

  const charts = () => [...document.querySelectorAll(".js-plotly-plot")];
  const isTouched = chart =>
    zoomed.has(chart) || (chart.data ?? []).some(trace => trace.visible === "legendonly");

  // New data is a new chart: while somebody looks closely at one, or hid a line of it, the page waits.
  const pauseOrGoOn = () => {
    const pause = document.querySelector(".st-key-pause input");
    // Not while a run is on its way, as to another page: one would take the place of the other.
    const busy = !document.querySelector("[data-test-script-state=notRunning]");
    if (!pause || busy || performance.now() - leaving < 2500) {
      clearTimeout(later);
      later = setTimeout(pauseOrGoOn, 300);
      return;
    }
    const touched = charts().some(isTouched);
    if (touched && !pause.checked) { pausedForZoom = true; pause.click(); }
    else if (!touched && pausedForZoom) {
      pausedForZoom = false;
      if (pause.checked) pause.click();
    }
  };

  // On a phone the menu lies over the page: a choice in it shuts it.
  document.addEventListener("click", event => {
    if (window.innerWidth > 768 || !event.target.closest?.("[data-testid=stSidebarNavLink]")) return;
    setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click(), 150);
  }, true);

  // A plain click on a link to one of our pages changes the page as the menu does, without loading all anew.
  document.addEventListener("click", event => {
    const link = event.target.closest?.(":is([data-testid=stMain], [data-testid=stPopoverBody]) a[href]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const address = new URL(link.href);
    if (address.origin !== location.origin || address.hash || link.download) return;
    if (address.pathname.endsWith("/sign-in")) return;  // a page of its own
    event.preventDefault();
    window.followLink(link.href);
  }, true);

  // What the reader chooses is one step of the history, however often the address is written for it.
  const replace = history.replaceState.bind(history), push = history.pushState.bind(history);
  let choices = 0, steps = 0, byKey = false;
  for (const kind of ["pointerdown", "keydown"]) {
    window.addEventListener(kind, () => { choices++; byKey = kind === "keydown"; }, true);
  }
  window.addEventListener("popstate", () => { steps = choices; }, true);
  const written = (state, title, address) => {
    const there = new URL(address ?? location.href, location.href);
    const isSame = there.href === location.href, isNew = there.pathname !== location.pathname || choices > steps;
    if (!isSame && isNew) { push(state, title, address); steps = choices; } else replace(state, title, address);
  };
  history.replaceState = written;
  history.pushState = written;

  let last;
  window.followLink = (address, once) => {
    if (once !== undefined && once === last) return;
    last = once;
    // The other page goes on by itself, but not before it is there: two runs at once lose one.
    if (pausedForZoom) setTimeout(pauseOrGoOn, 3000);
    leaving = performance.now();
    push({}, "", new URL(address, location.href));
    steps = choices;
    window.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  };

  const watch = chart => {
    if (chart.isWatched || !chart.on) return;
    chart.isWatched = true;
    chart.on("plotly_relayout", change => {
      // A hand sets the ends of an axis one by one, a reset the whole range or what finds it by itself.
      const names = Object.keys(change).filter(name => /^[xy]axis\d*\.(auto)?range/.test(name));
      if (!names.length) return;
      if (names.some(name => name.endsWith("]"))) zoomed.add(chart); else zoomed.delete(chart);
      pauseOrGoOn();
    });
    chart.on("plotly_restyle", () => setTimeout(pauseOrGoOn, 50));
  };

  // Charts have colours of the theme: where that changes they are drawn anew at once.
  let ground = "";
  const followTheme = () => {
    const app = document.querySelector(".stApp");
    const now = app ? getComputedStyle(app).colorScheme : "";
    if (ground && now && now !== ground) {
      setTimeout(() => document.querySelector(".st-key-redraw button")?.click(), 100);
    }
    ground = now || ground;
  };

  // A popover lies at the end of the page: the Tab key would not find the links in it.
  const enterList = () => {
    const list = document.querySelector("[data-testid=stPopoverBody] ul.points:not([data-entered])");
    if (!list) return;
    list.dataset.entered = "";
    if (byKey) list.querySelector("a")?.focus();
  };

  new MutationObserver(() => {
    enterList();
    if (looked) return;
    looked = true;
    setTimeout(() => {
      looked = false;
      charts().forEach(watch);
      followTheme();
      if (pausedForZoom) pauseOrGoOn();
    }, 250);
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true,
    attributeFilter: ["class", "style"] });
})();
