// What is half-typed into a form stays until it is saved: also where something else of the call is decided meanwhile, where the language is
// changed, and where the session ends and the same person logs in again.  Kept in this tab alone, for this account, and never sent by itself;
// logging out or another account takes it away.  Never kept: forms with a password, codes, consents, ticks beside findings.
(() => {
  "use strict";
  const who = document.body.dataset.account, done = document.getElementById("done"), sent = "draft-sent", own = `draft:${who}:`;
  const refused = () => Number(document.body.dataset.status) >= 400 || document.getElementById("refused") !== null;
  const stored = (key) => { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } };
  const store = (key, value) => {
    try { if (value) sessionStorage.setItem(key, JSON.stringify(value)); else sessionStorage.removeItem(key); } catch { /* no storage: nothing is kept */ }
  };
  const forget = (of) => {
    try { Object.keys(sessionStorage).filter((key) => key.startsWith("draft") && of(key)).forEach((key) => sessionStorage.removeItem(key)); } catch { /* no storage */ }
  };
  document.addEventListener("submit", (e) => { if (e.target.getAttribute("action") === "/logout") forget(() => true); });
  if (!who) { store(sent, null); return; }
  forget((key) => key !== sent && !key.startsWith(own));

  // a form is known by what it does, and to what; those of a review are of one call
  const TEXTS = "textarea, input:not([type]), " + ["text", "search", "number", "date", "time", "month", "email", "tel", "url"].map((kind) => `input[type=${kind}]`).join(", ");
  const TICKS = ["whole", "publish"];
  const path = (form) => form.getAttribute("action").split(/[?#]/)[0];
  const reviewed = (form) => done !== null && path(form).startsWith("/review/");
  const key = (form) => own + (reviewed(form) ? done.dataset.call : path(form));
  const named = (form) => [path(form).split("/").pop(),
    ...[...form.querySelectorAll("input[type=hidden]")].filter((one) => !["csrf", "on", "at"].includes(one.name)).map((one) => one.value)].join("|");
  const forms = () => [...document.querySelectorAll("main form[method=post]")].filter((form) => !form.querySelector("input[type=password]"));
  const fields = (form) => [...form.querySelectorAll(`${TEXTS}, select, input[type=checkbox]`)].filter((one) =>
    one.name && !one.readOnly && one.autocomplete !== "one-time-code" && (one.type !== "checkbox" || (reviewed(form) && TICKS.includes(one.name))));
  const typed = (one) => (one.type === "checkbox" ? one.checked : one.value);
  const first = (one) => {
    if (one.type === "checkbox") return one.defaultChecked;
    return one.options ? ([...one.options].find((each) => each.defaultSelected) || one.options[0] || { value: "" }).value : one.defaultValue;
  };
  const values = (all, of) => {  // by name, and of the same name in their order
    const found = {};
    all.forEach((one) => { (found[one.name] ||= []).push(of(one)); });
    return found;
  };
  const keep = (form) => {
    const kept = stored(key(form)) || {}, name = named(form), all = fields(form), was = kept[name];
    const again = was && refused();  // what was refused stands on the page as if it had always been there
    const begun = all.some((one) => typed(one) !== first(one) && (reviewed(form) || one.matches(TEXTS)));
    if (again || begun) kept[name] = { first: again ? was.first : values(all, first), typed: values(all, typed) };
    else if (was) delete kept[name];
    else return;
    store(key(form), Object.keys(kept).length ? kept : null);
  };
  const put = (one, value) => {
    if (typed(one) === value) return;
    if (one.type === "checkbox") one.checked = value; else one.value = value;
    one.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const saved = () => {  // what was sent is saved where an answer came that nothing speaks against
    const [at, name] = stored(sent) || [];
    store(sent, null);
    if (!at || !at.startsWith(own) || refused()) return;
    const kept = stored(at) || {};
    delete kept[name];
    store(at, Object.keys(kept).length && !name.startsWith("finish") ? kept : null);
  };
  const back = () => forms().forEach((form) => {
    const kept = (stored(key(form)) || {})[named(form)], all = fields(form);
    if (!kept || !kept.typed) return;
    if (!reviewed(form) && (refused() || JSON.stringify(kept.first) !== JSON.stringify(values(all, first)))) return;  // another's words stand there by now
    const left = Object.fromEntries(Object.entries(kept.typed).map(([name, each]) => [name, [...each]]));
    all.forEach((one) => { if (left[one.name] && left[one.name].length) put(one, left[one.name].shift()); });
    for (let at = form.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  });
  const changed = (e) => { const form = e.target.closest("form"); if (form && forms().includes(form)) keep(form); };
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
  document.addEventListener("submit", (e) => {
    if (!forms().includes(e.target)) return;
    forms().forEach(keep);  // also what a key has filled in
    store(sent, [key(e.target), named(e.target)]);
  }, true);
  window.addEventListener("submit", (e) => { if (e.target.dataset.confirm && e.defaultPrevented) store(sent, null); });
  document.addEventListener("htmx:afterSwap", () => { saved(); back(); });
  const come = (performance.getEntriesByType("navigation")[0] || {}).type;
  if (come === "back_forward" || come === "reload") store(sent, null);  // no answer came to what was sent
  saved();
  back();
})();
