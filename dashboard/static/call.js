// Pointing at or choosing a turn of a call highlights everything that belongs to it: charts, transcript, log.
(() => {
  if (window.turnsAreWatched) return;
  window.turnsAreWatched = true;
  const watched = new WeakSet(), charts = ".st-key-chart-clock, .st-key-chart-turns";
  const call = () => new URL(location.href).searchParams.get("call_id");
  let chosen = null, pointed = null, shown = null, looked = false, opened = call();

  const said = (turn, lines) => turn === null ? "" :
    `Turn ${turn}: ${lines} log line${lines === 1 ? "" : "s"}`;

  // Scrolls within boxes, never the page.
  const bringIntoView = (element, box) => {
    if (!element || !box || box.contains(document.activeElement) && box.matches(":hover")) return;
    const place = element.getBoundingClientRect(), frame = box.getBoundingClientRect();
    if (place.top < frame.top || place.bottom > frame.bottom) box.scrollTop += place.top - frame.top - 40;
  };

  const paint = () => {
    const turn = pointed ?? chosen;
    for (const one of document.querySelectorAll("[data-turn]")) {
      one.classList.toggle("pointed", one.dataset.turn === turn);
      one.querySelector("button")?.setAttribute("aria-pressed", String(one.dataset.turn === chosen));
    }
    const lines = document.querySelectorAll("table.log tr.pointed"), status = document.querySelector(".turn-lines");
    if (status && status.textContent !== said(turn, lines.length)) status.textContent = said(turn, lines.length);
    if (turn === shown) return;
    shown = turn;
    const entry = document.querySelector("ol.said li.pointed");
    if (!entry?.matches(":hover")) bringIntoView(entry, document.querySelector("ol.said"));
    if (!lines[0]?.closest("div").matches(":hover")) bringIntoView(lines[0], document.querySelector("div.log"));
  };
  const point = turn => { if (turn !== pointed) { pointed = turn; paint(); } };
  const choose = turn => { chosen = turn === chosen ? null : turn; pointed = null; paint(); };

  document.addEventListener("mouseover", event => {
    if (event.target.closest?.(charts)) return;
    point(event.target.closest?.("[data-turn]")?.dataset.turn ?? null);
  });
  document.addEventListener("focusin", event => {
    const entry = event.target.closest?.("ol.said [data-turn]");
    if (entry && event.target.matches(":focus-visible")) point(entry.dataset.turn);
  });
  document.addEventListener("focusout", event => { if (event.target.closest?.("ol.said")) point(null); });
  document.addEventListener("click", event => {
    const button = event.target.closest?.("ol.said button");
    if (button) choose(button.closest("[data-turn]").dataset.turn);
  });

  const turnOf = event => {
    const turn = event.points?.[0]?.customdata?.[1];
    return turn ? String(turn) : null;
  };
  const watch = chart => {
    if (watched.has(chart) || !chart.on) return;
    watched.add(chart);
    chart.on("plotly_hover", event => point(turnOf(event)));
    chart.on("plotly_unhover", () => point(null));
    chart.on("plotly_click", event => { if (turnOf(event)) choose(turnOf(event)); });
  };

  new MutationObserver(() => {
    if (looked) return;
    looked = true;
    setTimeout(() => {
      looked = false;
      document.querySelectorAll(`:is(${charts}) .js-plotly-plot`).forEach(watch);
      if (opened !== call()) { chosen = pointed = null; opened = call(); }
      paint();
    }, 150);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
