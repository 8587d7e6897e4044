// What is half-typed on the review screen stays while something else of the call is decided: kept in this tab alone, for this account and this
// call, until it is saved; finishing, logging out or another account takes it away (web.js).  Never kept: consents, and ticks beside findings.
(() => {
  "use strict";
  const done = document.getElementById("done"), who = document.body.dataset.account;
  if (!done || !who) return;
  const key = `draft:${who}:${done.dataset.call}`, sent = "draft-sent", never = ["closed_month", "kept", "dismissed"];
  const read = () => { try { return JSON.parse(sessionStorage.getItem(key)) || {}; } catch { return {}; } };
  const write = (kept) => {
    try { if (Object.keys(kept).length) sessionStorage.setItem(key, JSON.stringify(kept)); else sessionStorage.removeItem(key); } catch { /* no storage: nothing is kept */ }
  };
  const forms = () => [...document.querySelectorAll('main form[action^="/review/"]')];
  const named = (form) => [form.getAttribute("action").split(/[?#]/)[0].split("/").pop(),
    ...[...form.querySelectorAll("input[type=hidden]")].filter((one) => !["csrf", "on", "at"].includes(one.name)).map((one) => one.value)].join("|");
  const fields = (form) => [...form.querySelectorAll("input:not([type=hidden]), select, textarea")].filter((one) => one.name && !never.includes(one.name));
  const typed = (one) => (one.type === "checkbox" ? one.checked : one.value);
  const first = (one) => {
    if (one.type === "checkbox") return one.defaultChecked;
    return one.options ? ([...one.options].find((each) => each.defaultSelected) || one.options[0]).value : one.defaultValue;
  };
  const keep = (form) => {
    const kept = read(), name = named(form), all = fields(form);
    const again = name in kept && document.getElementById("refused");  // what was refused stands on the page as if it had always been there
    if (again || all.some((one) => typed(one) !== first(one))) kept[name] = Object.fromEntries(all.map((one) => [one.name, typed(one)]));
    else delete kept[name];
    write(kept);
  };
  const put = (one, value) => { if (one.type === "checkbox") one.checked = value; else one.value = value; };
  const back = () => {  // what was sent is saved where nothing speaks against it; the rest is where it was
    const kept = read();
    try {
      const [of, name] = JSON.parse(sessionStorage.getItem(sent)) || [];
      sessionStorage.removeItem(sent);
      if (of === key && !document.getElementById("refused") && !name.startsWith("finish")) delete kept[name];
    } catch { /* nothing was sent */ }
    write(kept);
    forms().filter((form) => named(form) in kept).forEach((form) => {
      const values = kept[named(form)];
      fields(form).filter((one) => one.name in values).forEach((one) => put(one, values[one.name]));
      for (let at = form.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    });
  };
  const changed = (e) => { const form = e.target.closest("form"); if (form && forms().includes(form)) keep(form); };
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
  document.addEventListener("submit", (e) => {
    if (!forms().includes(e.target)) return;
    forms().forEach(keep);  // also what a key has filled in
    try { sessionStorage.setItem(sent, JSON.stringify([key, named(e.target)])); } catch { /* no storage */ }
  }, true);
  document.addEventListener("htmx:afterSwap", back);
  back();
})();
