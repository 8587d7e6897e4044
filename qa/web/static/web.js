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
// How many characters stand in a text that may have only so many: told at every change, in the words that the page brings along.
(() => {
  "use strict";
  const counted = (area) => {
    const told = document.getElementById(`${area.id}-most`), n = [...area.value.trim()].length;
    if (!told) return;
    told.textContent = told.dataset.counted.replace("{n}", n);
    told.classList.toggle("over", n > Number(area.dataset.most));
  };
  document.addEventListener("input", (e) => { if (e.target.matches && e.target.matches("textarea[data-most]")) counted(e.target); });
})();
