// p50, p95 and p99 over days by uPlot, on canvas; it draws the table below it, like every chart here (charts.js).
"use strict";
window.cegLines = (place, rows, heads, look) => {
  const days = rows.map((row) => Date.parse(row[0] + "T00:00:00Z") / 1000);
  const value = (cell) => (Number.isFinite(cell) ? cell : null);
  const styles = [{ dash: [] }, { dash: [8, 4] }, { dash: [2, 3] }];
  const font = "12px " + getComputedStyle(document.body).fontFamily;
  const axis = { stroke: look.text, font, grid: { stroke: look.line, width: 1 }, ticks: { stroke: look.line, width: 1 } };
  const size = () => ({ width: Math.max(place.clientWidth, 200), height: Math.max(place.clientHeight - 40, 160) });
  const format = (at) => new Date(at * 1000).toISOString().slice(5, 10);
  const chart = new window.uPlot(
    {
      ...size(), cursor: { drag: { x: false, y: false } }, tzDate: (at) => new Date(at * 1000), scales: { x: { time: true } },
      axes: [{ ...axis, values: (_, ats) => ats.map(format), incrs: [1, 2, 5, 7, 14, 30, 90].map((days) => days * 86400) }, { ...axis, size: 60 }],
      series: [
        { label: heads[0], value: (_, at) => (at === null ? "–" : new Date(at * 1000).toISOString().slice(0, 10)) },
        ...heads.slice(2).map((label, at) => ({ label, stroke: look.marks[at], width: 2, dash: styles[at].dash, points: { show: true, size: 9 - 2 * at, fill: look.marks[at] } })),
      ],
    },
    [days, ...[2, 3, 4].map((column) => rows.map((row) => value(row[column])))],
    place,
  );
  return { resize: () => chart.setSize(size()) };
};
