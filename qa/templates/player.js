(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const sounds = [...document.querySelectorAll("audio")];
  sounds.forEach((a) => a.addEventListener("play", () => sounds.forEach((b) => { if (b !== a) b.pause(); })));

  const audio = $("audio");
  if (!audio) return;
  const wave = $("wave"), head = $("head"), play = $("play"), time = $("time");
  const total = Number(wave.dataset.total) / 1000;
  let lines, stops;
  const read = () => {
    lines = [...document.querySelectorAll(".line[data-start]")];
    stops = [...document.querySelectorAll(".pin")].map((p) => Number(p.dataset.ms) / 1000).sort((a, b) => a - b);
  };
  read();
  const clock = (s) => { const t = Math.floor(s * 10 + 1e-6); return `${Math.floor(t / 600)}:${String(Math.floor(t / 10) % 60).padStart(2, "0")}.${t % 10}`; };

  audio.controls = false;
  audio.hidden = true;
  $("controls").hidden = false;

  const box = document.querySelector("[data-follow]"), said = $("now-line");
  let current;
  const follow = (line) => {
    if (line === current) return;
    current = line;
    const words = line && line.querySelector(".said");
    if (said) said.textContent = words ? words.textContent : "";
    if (!line || !box || box.scrollHeight <= box.clientHeight || (box.contains(document.activeElement) && document.activeElement.closest("textarea, input, select"))) return;
    const frame = box.getBoundingClientRect(), at = line.getBoundingClientRect();
    if (at.top < frame.top || at.bottom > frame.bottom) box.scrollTop += at.top - frame.top - Math.max(0, frame.height - at.height) / 3;
  };
  const mark = () => {
    const now = audio.currentTime * 1000;
    return lines.filter((l) => l.classList.toggle("now", now >= Number(l.dataset.start) && now < Number(l.dataset.end))).pop();
  };
  const draw = () => {
    const now = audio.currentTime;
    head.style.left = `${Math.min(100, 100 * now / total)}%`;
    time.textContent = clock(now);
    wave.setAttribute("aria-valuenow", now.toFixed(1));
    wave.setAttribute("aria-valuetext", clock(now));
    follow(mark());
  };
  const seek = (seconds) => { audio.currentTime = Math.max(0, Math.min(total, seconds)); draw(); };
  const from = (seconds) => { seek(seconds); const p = audio.play(); if (p) p.catch(() => {}); };
  const toggle = () => { if (audio.paused) from(audio.ended ? 0 : audio.currentTime); else audio.pause(); };
  const step = (sign) => {
    const now = audio.currentTime;
    const next = sign > 0 ? stops.find((s) => s > now + 0.3) : [...stops].reverse().find((s) => s < now - 0.7);
    if (next !== undefined) from(next);
  };

  ["play", "pause", "ended"].forEach((e) => audio.addEventListener(e, () => {
    play.textContent = audio.paused ? play.dataset.play : play.dataset.pause;
    if (!audio.paused) requestAnimationFrame(function tick() { draw(); if (!audio.paused) requestAnimationFrame(tick); });
  }));
  ["timeupdate", "seeked", "loadedmetadata"].forEach((e) => audio.addEventListener(e, draw));
  play.addEventListener("click", toggle);
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("speed").addEventListener("change", (e) => { audio.playbackRate = Number(e.target.value); });
  wave.addEventListener("click", (e) => {
    const box = wave.getBoundingClientRect();
    seek(total * (e.clientX - box.left) / box.width);
  });
  wave.addEventListener("keydown", (e) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    if (e.key in moves) seek(audio.currentTime + moves[e.key]);
    else if (e.key === "Home") seek(0);
    else if (e.key === "End") seek(total);
    else if (e.key === "Enter" || e.key === " ") toggle();
    else return;
    e.preventDefault();
  });
  document.addEventListener("click", (e) => {
    const target = e.target.closest("[data-ms]");
    if (!target || (target.tagName !== "BUTTON" && String(window.getSelection()))) return;  // selecting words to copy is no jump
    from(Number(target.dataset.ms) / 1000);
  });
  document.addEventListener("keydown", (e) => {
    if (e.key !== " " || e.target.closest("button, a, select, summary, input, audio, [role=slider]")) return;
    e.preventDefault();
    toggle();
  });
  // what was found is another one: nothing scrolls for that; settling gives lines the class that they came with
  ["htmx:afterSwap", "htmx:afterSettle"].forEach((e) => document.addEventListener(e, () => { read(); current = mark(); }));
  if (audio.dataset.at) seek(Number(audio.dataset.at) / 1000);
  draw();
})();
