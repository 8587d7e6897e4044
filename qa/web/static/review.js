// Reviewing by keyboard: rules one after the other with their sound, verdicts, findings at the playing position, text of the line playing.
(() => {
  "use strict";
  const audio = document.getElementById("audio"), keys = document.getElementById("keys-on");
  const player = document.querySelector(".player"), comment = document.querySelector("details.comment"), small = window.matchMedia("(max-width: 640px)");
  const room = () => document.documentElement.style.setProperty("--player", `${player.offsetHeight}px`);
  if (player) room();
  if (player && window.ResizeObserver) new ResizeObserver(room).observe(player);
  const fold = () => {  // a small screen has no room for an empty comment
    document.querySelector(".done").classList.toggle("folds", small.matches);
    comment.open = !small.matches || document.getElementById("comment").value !== "";
  };
  small.addEventListener("change", fold);
  fold();
  const rules = () => [...document.querySelectorAll("article.rule")];
  // where one stops on the way: each place of a rule that nobody has ruled on, or else the rule
  const stops = () => rules().flatMap((one) => {
    const open = [...one.querySelectorAll("[data-undecided]")];
    return (open.length ? open : [one]).map((place) => ({ one, place }));
  });
  let current = "", stop = null;
  const article = () => document.querySelector(`article.rule[data-rule="${CSS.escape(current)}"]`) || rules()[0];
  const seconds = () => (audio ? audio.currentTime : 0);
  const shown = (s) => (Math.round(s * 10) / 10).toFixed(1);

  try { keys.checked = localStorage.getItem("review-keys") !== "off"; } catch { /* no storage: on */ }
  keys.addEventListener("change", () => { try { localStorage.setItem("review-keys", keys.checked ? "on" : "off"); } catch { /* for this page only */ } });

  const bring = (one, ...places) => {  // each of the places in view as far as the one after it lets it
    one.focus({ preventScroll: true });
    places.forEach((place) => place && place.scrollIntoView({ block: "nearest", behavior: "instant" }));
  };
  const go = (one, play, place) => {
    if (!one) return;
    stop = place || null;
    bring(one, one, one.querySelector("header"), stop !== one && stop);
    current = one.dataset.rule;
    const at = stop && stop.matches("[data-undecided]") ? stop.querySelector("[data-ms]") : one.querySelector("[data-undecided] [data-ms]") || one.querySelector("[data-ms]");
    if (play && audio && at) { audio.currentTime = Number(at.dataset.ms) / 1000; const p = audio.play(); if (p) p.catch(() => {}); }
  };
  const step = (sign) => {
    const all = stops();
    let at = all.findIndex((each) => each.place === stop);
    if (at < 0 || all[at].one.dataset.rule !== current) at = all.findIndex((each) => each.one.dataset.rule === current);
    const next = all[Math.max(0, Math.min(all.length - 1, at + sign))];
    if (next) go(next.one, true, next.place);
  };
  const open = (act) => {
    const one = article(), at = one && one.querySelector(`details[data-act="${act}"]`);
    if (!at) return;
    current = one.dataset.rule;
    at.open = true;
    const start = at.querySelector('input[name="start"]');
    if (start && !start.value && act === "add") start.value = shown(Math.max(0, seconds() - 2)), at.querySelector('input[name="end"]').value = shown(seconds());
    (at.querySelector('select[name="outcome"]') || start || at.querySelector('input[name="dismissed"]') || at.querySelector('input[name="kept"]') || at.querySelector('input[name="reason"]')).focus();
  };
  const put = (name) => {
    const at = article() && article().querySelector(`details[open] input[name="${name}"]`);
    if (at) { at.value = shown(seconds()); at.focus(); }
  };
  const speed = (sign) => {
    const choice = document.getElementById("speed");
    if (!choice) return;
    choice.selectedIndex = Math.max(0, Math.min(choice.options.length - 1, choice.selectedIndex + sign));
    choice.dispatchEvent(new Event("change"));
  };
  const correct = () => {
    const at = [...document.querySelectorAll(".line")].filter((l) => Number(l.dataset.start) <= 1000 * seconds() + 1).map((l) => l.querySelector(".fix")).filter(Boolean).pop();
    if (at) { at.open = true; at.querySelector("textarea").focus(); }
  };
  const acts = {
    j: () => step(1), k: () => step(-1), o: () => open("overturn"), a: () => open("add"), w: () => open("withdraw"), d: () => open("drop"),
    c: () => { const b = article() && article().querySelector('button[data-act="confirm"]'); if (b) { current = article().dataset.rule; b.click(); } },
    r: () => { const at = document.getElementById("roles"); at.open = true; const s = at.querySelector("select"); if (s) s.focus(); },
    t: correct, f: () => { comment.open = true; document.getElementById("comment").focus(); },
    "[": () => put("start"), "]": () => put("end"), "-": () => speed(-1), "+": () => speed(1), "=": () => speed(1),
    ArrowLeft: () => { if (audio) audio.currentTime = Math.max(0, seconds() - 2); }, ArrowRight: () => { if (audio) audio.currentTime = seconds() + 2; },
  };
  const written = (at) => at.closest("input:not([type=checkbox]), textarea, select");
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape" && written(e.target)) { e.target.blur(); go(article(), false); return; }
    const timed = e.key === "[" || e.key === "]";
    const free = !written(e.target) || (timed && ["start", "end"].includes(e.target.name));
    const act = acts[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (!keys.checked || !act || !free || e.target.closest("[role=slider]")) return;
    e.preventDefault();
    act();
  });
  // a refused decision is told beside its form: in view below the player, and read out as it has the focus
  const refused = () => {
    const told = document.getElementById("refused");
    if (told) bring(told, told);
    return told !== null;
  };
  refused();
  document.addEventListener("focusin", (e) => { const one = e.target.closest("article.rule"); if (one) current = one.dataset.rule; });
  document.addEventListener("submit", (e) => {
    const at = e.target.querySelector('input[name="at"]');
    if (at && audio) at.value = String(Math.round(1000 * seconds()));
  }, true);
  document.addEventListener("htmx:configRequest", (e) => { if (audio && "at" in e.detail.parameters) e.detail.parameters.at = String(Math.round(1000 * seconds())); });
  // what was found is shown anew beside the words and above the sound, too: where one was in the words stays, pins find their places
  const words = document.querySelector(".words");
  let was = null;
  const before = () => {
    const at = document.activeElement, line = at && at.closest("#lines .line");
    was = {
      top: words.scrollTop, open: [...words.querySelectorAll("#lines .line[id] details.fix[open]")].map((one) => one.closest(".line").id),
      line: line && written(at) ? line.id : "", name: at && at.name, from: at && at.selectionStart, to: at && at.selectionEnd,
    };
  };
  const pin = () => {  // the page's policy takes no style from what is swapped in
    document.querySelectorAll(".rail").forEach((rail) => rail.style.setProperty("--rows", rail.dataset.rows));
    document.querySelectorAll(".pin").forEach((one) => { one.style.left = `${one.dataset.left}%`; one.style.setProperty("--row", one.dataset.row); });
  };
  const put_back = () => {
    if (!was) return false;
    was.open.forEach((id) => { const fix = document.querySelector(`#${CSS.escape(id)} details.fix`); if (fix) fix.open = true; });
    const at = was.line && document.querySelector(`#${CSS.escape(was.line)} [name="${was.name}"]`);
    if (at) at.focus({ preventScroll: true });
    if (at && was.from !== null && at.setSelectionRange) at.setSelectionRange(was.from, was.to);
    words.scrollTop = was.top;
    return Boolean(at);
  };
  document.addEventListener("htmx:beforeSwap", before);
  const back = () => {
    const on = document.getElementById("review").dataset.on;
    document.querySelectorAll('input[name="on"]').forEach((one) => { one.value = on; });
    const at = article();
    if (!put_back() && !refused() && at && current) go(at, false);
    placed = document.activeElement;
  };
  let placed = null;
  document.addEventListener("htmx:afterSwap", () => { pin(); back(); });
  document.addEventListener("htmx:afterSettle", () => {  // settling moves it; where somebody goes on writing the caret has moved on
    const at = document.activeElement;
    if (at === document.body || (at === placed && !written(at))) back();
  });
})();
