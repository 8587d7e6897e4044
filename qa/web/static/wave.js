// The waveform of each channel by wavesurfer, over the bands of turns and findings; peaks come with the page, sound is only fetched to play.
// Where to play, by mouse, keyboard or finding, is player.js's business, as in the reports.
(() => {
  "use strict";
  const audio = document.getElementById("audio"), data = document.getElementById("wave-data"), wave = document.getElementById("wave");
  if (!audio || !data || !wave || !window.WaveSurfer) return;
  const { seconds, peaks } = JSON.parse(data.textContent);
  const nonce = (document.querySelector("style[nonce]") || {}).nonce || "";
  [...wave.querySelectorAll(".lane")].forEach((lane, i) => {
    if (!peaks[i]) return;
    const at = document.createElement("div");
    at.className = "sound";
    lane.insertBefore(at, lane.querySelector(".name"));
    const color = getComputedStyle(lane.querySelector("svg path")).fill;
    const one = window.WaveSurfer.create({
      container: at, media: audio, peaks: [peaks[i]], duration: seconds, height: "auto", waveColor: color, progressColor: color,
      cursorWidth: 0, interact: false, hideScrollbar: true, cspNonce: nonce,
    });
    one.once("ready", () => lane.classList.add("drawn"));
  });
})();
