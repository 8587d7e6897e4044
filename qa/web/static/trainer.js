// Clips: a drawn waveform, playing from a line of words, choosing a stretch by keyboard, a list played through.  Everything works without it.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const nonce = (document.querySelector("style[nonce]") || {}).nonce || "";
  const typing = (at) => at.closest("input, textarea, select, button, a, summary, audio");

  const begin = (sound) => { const begun = sound.play(); if (begun) begun.catch(() => {}); };  // a pause right after it is no error

  // ---- one sound
  const box = document.querySelector("[data-wave-of]");
  const audio = box ? $(box.dataset.waveOf) : null;
  let regions = null;
  const from = (ms) => { audio.currentTime = Math.max(0, ms / 1000); begin(audio); };
  if (audio) {
    audio.preload = "metadata";
    if (window.WaveSurfer) {
      const plugins = [];
      if (window.WaveSurfer.Regions) plugins.push((regions = window.WaveSurfer.Regions.create()));
      window.WaveSurfer.create({
        container: box, media: audio, url: audio.src, height: 72, splitChannels: [{}, {}], waveColor: "#7d8a99", progressColor: "#0b5c7a",
        cursorColor: "#14202e", hideScrollbar: true, cspNonce: nonce, plugins,
      });
    }
    const lines = [...document.querySelectorAll(".said-list .at")];
    for (const line of lines) line.addEventListener("click", () => from(Number(line.dataset.ms)));
    audio.addEventListener("timeupdate", () => {
      const now = audio.currentTime * 1000;
      let last = null;
      for (const line of lines) { line.parentElement.classList.remove("now"); if (Number(line.dataset.ms) <= now + 50) last = line; }
      if (last && !audio.paused) last.parentElement.classList.add("now");
    });
  }

  // ---- choosing a stretch
  const edges = $("cut-edges");
  if (audio && edges) {
    const offset = Number(edges.dataset.offset) / 1000;
    const start = $("f-start"), end = $("f-end"), beeps = $("f-beeps"), keys = $("cut-keys");
    keys.hidden = false;
    let region = null, until = 0, beepFrom = null, quiet = false;
    const at = () => Math.round((audio.currentTime + offset) * 10) / 10;
    const now = $("cut-now");
    const tell = () => { now.querySelector("b").textContent = at().toFixed(1); now.hidden = false; };
    for (const name of ["loadedmetadata", "timeupdate", "seeking"]) audio.addEventListener(name, tell);
    const draw = () => {
      if (!regions || quiet) return;
      const a = Math.max(0, start.value - offset), b = Math.max(a + 0.1, end.value - offset);
      if (region) region.setOptions({ start: a, end: b });
      else region = regions.addRegion({ start: a, end: b, color: "rgba(11, 92, 122, .18)", drag: true, resize: true });
    };
    if (regions) {
      regions.on("region-updated", (one) => {
        quiet = true;
        start.value = (one.start + offset).toFixed(1);
        end.value = (one.end + offset).toFixed(1);
        quiet = false;
      });
      audio.addEventListener("loadedmetadata", draw, { once: true });
    }
    for (const field of [start, end]) field.addEventListener("input", draw);
    audio.addEventListener("timeupdate", () => { if (until && audio.currentTime >= until) { audio.pause(); until = 0; } });
    audio.addEventListener("loadedmetadata", () => { audio.currentTime = Math.max(0, start.value - offset - 1); }, { once: true });
    const acts = {
      play: () => { until = 0; if (audio.paused) begin(audio); else audio.pause(); },
      start: () => { start.value = at().toFixed(1); if (Number(end.value) <= Number(start.value)) end.value = (at() + 1).toFixed(1); draw(); },
      end: () => { end.value = at().toFixed(1); draw(); },
      choice: () => { from((start.value - offset) * 1000); until = end.value - offset; },
      beep: () => {
        const button = keys.querySelector("[data-do=beep]");
        if (beepFrom === null) { beepFrom = at(); button.setAttribute("aria-pressed", "true"); return; }
        const [a, b] = [Math.min(beepFrom, at()), Math.max(beepFrom, at())];
        if (b > a) beeps.value = `${beeps.value.trim()}\n${a.toFixed(1)}-${b.toFixed(1)}`.trim();
        beepFrom = null;
        button.removeAttribute("aria-pressed");
      },
    };
    keys.addEventListener("click", (event) => { const one = event.target.closest("[data-do]"); if (one) acts[one.dataset.do](); });
    const byKey = { " ": "play", "[": "start", "]": "end", p: "choice", P: "choice", b: "beep", B: "beep" };
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      if (byKey[event.key]) { event.preventDefault(); acts[byKey[event.key]](); }
      else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        event.preventDefault();
        audio.currentTime = Math.max(0, audio.currentTime + (event.key === "ArrowLeft" ? -1 : 1));
      }
    });
  }

  // ---- a list played through
  const all = $("play-all"), sounds = [...document.querySelectorAll("audio.in-list")];
  if (all && sounds.length) {
    all.hidden = false;
    let running = false;
    all.querySelector("button").addEventListener("click", () => { running = true; for (const one of sounds) one.pause(); sounds[0].currentTime = 0; begin(sounds[0]); });
    sounds.forEach((one, k) => one.addEventListener("ended", () => { if (running && sounds[k + 1]) { begin(sounds[k + 1]); sounds[k + 1].scrollIntoView({ block: "center" }); } }));
    sounds.forEach((one) => one.addEventListener("play", () => { for (const other of sounds) if (other !== one) other.pause(); }));
  }

  const print = $("print");
  if (print) { print.hidden = false; print.addEventListener("click", () => window.print()); }
})();
