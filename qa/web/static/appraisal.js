// The chart of means with their intervals (uPlot); the same figures stand in the table below it.
(() => {
  "use strict";
  const data = document.getElementById("trend-data"), place = document.getElementById("trend-chart");
  if (!data || !place || !window.uPlot) return;
  const { labels, mean, low, high, name } = JSON.parse(data.textContent);
  const color = (variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
  const accent = color("--accent"), soft = color("--soft"), line = color("--line");
  const at = labels.map((_, i) => i), font = "13px system-ui, sans-serif";
  const whiskers = (u) => {
    const { ctx } = u;
    ctx.save();
    ctx.strokeStyle = accent;
    ctx.globalAlpha = 0.5;
    ctx.lineWidth = 2 * devicePixelRatio;
    at.forEach((i) => {
      if (low[i] === null || high[i] === null) return;
      const x = u.valToPos(i, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, u.valToPos(low[i], "y", true));
      ctx.lineTo(x, u.valToPos(high[i], "y", true));
      ctx.stroke();
    });
    ctx.restore();
  };
  const size = () => ({ width: place.clientWidth, height: 240 });
  const fits = () => Math.max(1, Math.ceil(labels.length / Math.max(2, Math.floor(place.clientWidth / 80))));
  const chart = new window.uPlot({
    ...size(),
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: [-0.5, labels.length - 0.5] }, y: { range: [0, 100] } },
    axes: [
      { stroke: soft, font, grid: { show: false }, ticks: { show: false }, splits: () => at.filter((i) => i % fits() === 0), values: (u, splits) => splits.map((i) => labels[i]) },
      { stroke: soft, font, grid: { stroke: line }, ticks: { show: false }, splits: () => [0, 25, 50, 75, 100] },
    ],
    series: [{}, { label: name, stroke: accent, width: 2.5, points: { size: 9, fill: accent, stroke: "#fff", width: 2 } }],
    hooks: { drawSeries: [whiskers] },
  }, [at, mean], place);
  window.addEventListener("resize", () => chart.setSize(size()));
})();
