// Behaviour of charts that neither Streamlit nor Plotly has a setting for. Runs once per page, for all charts.
(() => {
  if (window.chartsAreWatched) return;
  window.chartsAreWatched = true;
  const zoomed = new WeakSet();
  let pausedForZoom = false, looked = false, later, leaving = -Infinity;

  // A swipe that starts on a chart scrolls the page; a tap becomes a mouse click, which Plotly handles.
  for (const kind of ["touchstart", "touchmove"]) {
    window.addEventListener(kind, event => {
      if (event.target.closest?.(".js-plotly-plot .draglayer")) event.stopPropagation();
    }, { capture: true, passive: true });
  }

  const charts = () => [...document.querySelectorAll(".js-plotly-plot")];
  const isTouched = chart =>
    zoomed.has(chart) || (chart.data ?? []).some(trace => trace.visible === "legendonly");

  // New data redraws a chart, so the page pauses while one is zoomed or has a hidden line.
  const pauseOrGoOn = () => {
    const pause = document.querySelector(".st-key-pause input");
    // Not while another run, such as a page switch, is pending: one would replace the other.
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

  // Charts further down are drawn once they are near: each keeps its place with a button, which is pressed here.
  // Who has not scrolled pays for what is in sight only; who has gets a screen more.
  const LOST_MS = 3000, STALLED_MS = 20_000;
  let looking, pressed, pressedAt = 0, printsBy = 0, leftTitle;
  const places = () => [...document.querySelectorAll("[class*='st-key-later-'] button")];
  // Until what stands above a place has its height, the place is only passing by.
  const isBuilding = () => document.querySelector("[data-testid=stMain] [data-testid=stSkeleton]");
  const isNear = ({ top, bottom, width }) => {
    const ahead = document.querySelector("[data-testid=stMain]")?.scrollTop ? innerHeight : 0;
    return width > 0 && (printsBy || (top < innerHeight + ahead && bottom > -ahead));
  };
  // A place of the page that is being left would bring that page back, so wait until another one's title is there.
  const title = () => document.querySelector("[data-testid=stMain] h1")?.textContent;
  const leave = () => { leaving = performance.now(); leftTitle = title(); };
  const isLeaving = () => {
    const arrived = title() && title() !== leftTitle;
    if (arrived || performance.now() - leaving > STALLED_MS) leftTitle = undefined;
    return leftTitle !== undefined;
  };
  const drawNear = () => {
    looking = undefined;
    const next = places().find(place => isNear(place.getBoundingClientRect()));
    if (!next) return;
    const rests = document.querySelector("[data-test-script-state=notRunning]");
    const waits = pressed?.isConnected && performance.now() - pressedAt < LOST_MS;
    // One at a time: of several clicks at once the browser sends one.
    if (rests && !waits && !isLeaving() && !isBuilding()) {
      pressed = next;
      pressedAt = performance.now();
      next.classList.add("pressed");
      next.click();
    }
    lookAgain(50);
  };
  // React hears that click below the body; what is open elsewhere must not take it for one outside of it, and close.
  document.body.addEventListener("click", event => {
    if (!event.isTrusted && event.target.closest?.("[class*='st-key-later-']")) event.stopPropagation();
  });
  const lookAgain = wait => { looking ??= setTimeout(drawNear, wait); };
  for (const kind of ["scroll", "resize"]) {
    window.addEventListener(kind, () => lookAgain(30), { capture: true, passive: true });
  }
  let path = location.pathname;
  document.addEventListener("click", event => {
    const link = event.target.closest?.("[data-testid=stSidebarNavLink]");
    if (link && link.pathname !== location.pathname) leave();
  }, true);
  window.addEventListener("popstate", () => {
    if (path !== location.pathname) leave();
    path = location.pathname;
  }, true);

  // On paper there is no scrolling: first draw all, and print once however often that is asked for.
  const print = window.print.bind(window);
  const printDrawn = () => {
    lookAgain(0);
    if (places().length && performance.now() < printsBy) return void setTimeout(printDrawn, 100);
    setTimeout(() => { printsBy = 0; print(); }, 500);
  };
  window.print = () => {
    if (printsBy) return;
    printsBy = performance.now() + 20_000;
    printDrawn();
  };
  window.addEventListener("keydown", event => {
    if (event.key.toLowerCase() !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    if (!places().length && !printsBy) return;
    event.preventDefault();
    window.print();
  }, true);

  // On a phone the menu covers the page, so choosing an entry closes it.
  document.addEventListener("click", event => {
    if (window.innerWidth > 768 || !event.target.closest?.("[data-testid=stSidebarNavLink]")) return;
    setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click(), 150);
  }, true);

  // A plain click on a link to one of our pages switches the page like the menu does, without a reload.
  document.addEventListener("click", event => {
    const link = event.target.closest?.(":is([data-testid=stMain], [data-testid=stPopoverBody]) a[href]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const address = new URL(link.href);
    if (address.origin !== location.origin || address.hash || link.download) return;
    if (address.pathname.endsWith("/sign-in")) return;  // not a page of the app
    event.preventDefault();
    window.followLink(link.href);
  }, true);

  // One choice is one step in the history, however often the address is updated for it.
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
    path = location.pathname;
  };
  history.replaceState = written;
  history.pushState = written;

  let last;
  window.followLink = (address, once) => {
    if (once !== undefined && once === last) return;
    last = once;
    // Wait until the other page is there: of two concurrent runs, one is lost.
    if (pausedForZoom) setTimeout(pauseOrGoOn, 3000);
    leave();
    push({}, "", new URL(address, location.href));
    steps = choices;
    window.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  };

  const watch = chart => {
    if (chart.isWatched || !chart.on) return;
    chart.isWatched = true;
    chart.on("plotly_relayout", change => {
      // Zooming sets the ends of an axis one by one; a reset sets the whole range, or autorange.
      const names = Object.keys(change).filter(name => /^[xy]axis\d*\.(auto)?range/.test(name));
      if (!names.length) return;
      if (names.some(name => name.endsWith("]"))) zoomed.add(chart); else zoomed.delete(chart);
      pauseOrGoOn();
    });
    chart.on("plotly_restyle", () => setTimeout(pauseOrGoOn, 50));
  };

  // Charts use the theme's colours, so redraw them at once when it changes.
  let ground = "";
  const followTheme = () => {
    const app = document.querySelector(".stApp");
    const now = app ? getComputedStyle(app).colorScheme : "";
    if (ground && now && now !== ground) {
      setTimeout(() => document.querySelector(".st-key-redraw button")?.click(), 100);
    }
    ground = now || ground;
  };

  // A popover is at the end of the document, where the Tab key would not reach its links.
  const enterList = () => {
    const list = document.querySelector("[data-testid=stPopoverBody] ul.points:not([data-entered])");
    if (!list) return;
    list.dataset.entered = "";
    if (byKey) list.querySelector("a")?.focus();
  };

  new MutationObserver(() => {
    enterList();
    lookAgain(50);
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
