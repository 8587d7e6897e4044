// What every page has: the CSRF token in htmx's requests, parts of a page replaced also when a form was refused, menus closed by Escape, and the
// focus at the place to which one comes back.
(() => {
  "use strict";
  document.addEventListener("htmx:configRequest", (e) => {
    const token = document.querySelector("input[name=csrf]");
    if (token) e.detail.headers["X-CSRF"] = token.value;
  });
  document.addEventListener("htmx:beforeSwap", (e) => { if (e.detail.xhr.status >= 400 && e.detail.xhr.status < 500) { e.detail.shouldSwap = true; e.detail.isError = false; } });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") document.querySelectorAll("details.me[open]").forEach((d) => { d.open = false; d.querySelector("summary").focus(); });
  });
  // what is half-typed (drafts.js) is nobody else's: gone with the log-out, for another account, and once the review that it was of is finished
  const forget = (of) => {
    try { Object.keys(sessionStorage).filter((key) => key.startsWith("draft") && of(key)).forEach((key) => sessionStorage.removeItem(key)); } catch { /* no storage */ }
  };
  const account = document.body.dataset.account;
  forget((key) => !account || (key !== "draft-sent" && !key.startsWith(`draft:${account}:`)));
  try {
    const [draft, form] = JSON.parse(sessionStorage.getItem("draft-sent")) || ["", ""], at = document.querySelector("[data-call]");
    const elsewhere = draft !== `draft:${account}:${at ? at.dataset.call : ""}`;
    if (elsewhere && form.startsWith("finish") && document.querySelector("#notices .good")) forget((key) => key === draft);
    if (elsewhere) forget((key) => key === "draft-sent");
  } catch { /* nothing was sent, or no storage */ }
  document.addEventListener("submit", (e) => { if (e.target.getAttribute("action") === "/logout") forget(() => true); });
  const place = document.querySelector(":target");
  if (place && place.matches("[tabindex='-1']")) {  // the browser has scrolled there by itself; now that the page has its size it is done again
    place.focus({ preventScroll: true });
    requestAnimationFrame(() => place.scrollIntoView({ block: "nearest", behavior: "instant" }));
  }
  document.addEventListener("submit", (e) => {
    const ask = e.target.dataset && e.target.dataset.confirm;
    if (ask && !window.confirm(ask)) e.preventDefault();
  });
})();
