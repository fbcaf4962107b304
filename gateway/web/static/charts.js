// Charts draw the table below them: they have no data of their own, and without JavaScript the table is all there.
// Canvas and richText tooltips only: ECharts' HTML tooltips and its SVG renderer set inline styles, which the CSP refuses.
// A new kind is a function (rows, heads, look) => option in KINDS; `rows` are [label, ..., number] as the table has them.
"use strict";
(() => {
  const bar = (rows, heads, look) => ({
    grid: { left: 20, right: 48, top: 8, bottom: 8, containLabel: true },
    xAxis: { type: "value", minInterval: 1, axisLabel: { color: look.text }, splitLine: { lineStyle: { color: look.line } } },
    yAxis: { type: "category", inverse: true, data: rows.map((row) => row[0]), axisLabel: { color: look.text }, axisTick: { show: false } },
    series: [{ type: "bar", name: heads[heads.length - 1], data: rows.map((row) => row[row.length - 1]), barMaxWidth: 24, itemStyle: { color: look.mark },
      label: { show: true, position: "right", color: look.text } }],
  });
  // Who sends to whom: rows [from, to, number, ...]; the same bank stands on both sides, so the names differ by side.
  const sankey = (rows, heads, look, place) => {
    const links = rows.filter((row) => row[2] > 0).map((row) => ({ source: "0" + row[0], target: "1" + row[1], value: row[2] }));
    const names = [...new Set(links.flatMap((link) => [link.source, link.target]))];
    return { series: [{ type: "sankey", left: 8, right: 8, top: 24, bottom: 8, nodeGap: 14, draggable: false, emphasis: { focus: "adjacency" },
      data: names.map((name) => ({ name, itemStyle: { color: look.of(place, name.slice(1)) },
        label: { position: name[0] === "0" ? "right" : "left", color: look.text, formatter: () => name.slice(1) } })),
      links, lineStyle: { color: "gradient", opacity: 0.4 }, edgeLabel: { show: false } }],
      tooltip: { renderMode: "richText", formatter: ({ data }) => data.source ? `${data.source.slice(1)} → ${data.target.slice(1)}: ${data.value}` : data.name.slice(1) } };
  };
  // The four banks at fixed places; the wider the line, the more went along it.  Both ways are two curves.
  const schematic = (rows, heads, look, place) => {
    const names = look.order(place).filter((name) => rows.some((row) => row[0] === name || row[1] === name));
    const most = Math.max(1, ...rows.map((row) => row[2]));
    const places = [[150, 50, "bottom"], [75, 0, "top"], [75, 100, "bottom"], [0, 50, "bottom"]];
    const at = (name) => places[look.order(place).indexOf(name) % places.length];
    return { tooltip: { renderMode: "richText", formatter: ({ data }) => data.source ? `${data.source} → ${data.target}: ${data.value}` : data.name },
      series: [{ type: "graph", layout: "none", left: 100, right: 100, top: 48, bottom: 48, roam: false,
      edgeSymbol: ["none", "arrow"], edgeSymbolSize: 9,
      data: names.map((name) => ({ name, x: at(name)[0], y: at(name)[1], symbolSize: 44, itemStyle: { color: look.of(place, name) },
        label: { show: true, position: at(name)[2], color: look.text } })),
      links: rows.filter((row) => row[2] > 0).map((row) => ({ source: row[0], target: row[1], value: row[2], lineStyle: { width: 1 + (7 * row[2]) / most, curveness: 0.18, color: look.text, opacity: 0.45 } })) }] };
  };
  // Rows [member, hour, ..., share]: the share in colour and in figures; grey is "nothing ended".
  const heatmap = (rows, heads, look) => {
    const members = [...new Set(rows.map((row) => row[0]))];
    const hours = [...Array(24).keys()].map((hour) => String(hour).padStart(2, "0"));
    const data = rows.map((row) => ({ value: [hours.indexOf(row[1]), members.indexOf(row[0]), row[row.length - 1]], n: row[2] }));
    return { grid: { left: 8, right: 16, top: 8, bottom: 64, containLabel: true },
      xAxis: { type: "category", data: hours, axisLabel: { color: look.text }, splitArea: { show: true } },
      yAxis: { type: "category", inverse: true, data: members, axisLabel: { color: look.text, width: 110, overflow: "truncate" }, splitArea: { show: true } },
      visualMap: { min: 0, max: 100, orient: "horizontal", left: "center", bottom: 8, calculable: false, itemHeight: 120, text: ["100 %", "0 %"],
        textStyle: { color: look.text }, inRange: { color: ["#b2182b", "#f4a582", "#f7f7f7", "#92c5de", "#2166ac"] } },
      series: [{ type: "heatmap", data: data.filter((cell) => Number.isFinite(cell.value[2])), itemStyle: { borderColor: look.line, borderWidth: 1 } }] };
  };
  // Rows [name, number, cumulative %].
  const pareto = (rows, heads, look) => ({
    grid: { left: 8, right: 8, top: 32, bottom: 8, containLabel: true },
    legend: { data: heads.slice(1), top: 0, textStyle: { color: look.text } },
    xAxis: { type: "category", data: rows.map((row) => row[0]), axisLabel: { color: look.text, interval: 0, rotate: rows.length > 4 ? 30 : 0 } },
    yAxis: [{ type: "value", minInterval: 1, axisLabel: { color: look.text }, splitLine: { lineStyle: { color: look.line } } },
      { type: "value", min: 0, max: 100, axisLabel: { color: look.text, formatter: "{value} %" }, splitLine: { show: false } }],
    series: [{ type: "bar", name: heads[1], data: rows.map((row) => row[1]), barMaxWidth: 40, itemStyle: { color: look.mark } },
      { type: "line", name: heads[2], yAxisIndex: 1, data: rows.map((row) => row[2]), symbolSize: 8, lineStyle: { color: look.text }, itemStyle: { color: look.text } }],
  });
  const KINDS = { bar, sankey, schematic, heatmap, pareto };

  const number = (text) => (/\d/.test(text) ? Number(text.replace(/[^\d.-]/g, "")) : NaN);
  const read = (figure) => {
    const cells = (row) => [...row.cells];
    const head = cells(figure.querySelector("thead tr"));
    const body = [...figure.querySelectorAll("tbody tr")].filter((row) => row.cells.length === head.length);
    const rows = body.map((row) => cells(row).map((cell, at) => (head[at].classList.contains("number") ? number(cell.textContent) : cell.textContent.trim())));
    return { heads: head.map((cell) => cell.textContent.trim()), rows };
  };
  // The banks in their fixed order, as the page names it: the same place and colour in both languages.
  const MARKS = ["#0172ad", "#c05b00", "#3b7d23", "#8a3ffc"];
  const order = (place) => (place.dataset.order || "").split("|");
  const look = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name, other) => style.getPropertyValue(name).trim() || other;
    return { text: colour("--pico-color", "#222"), line: colour("--pico-muted-border-color", "#ccc"), mark: colour("--pico-primary-background", "#0172ad"),
      marks: MARKS, order, of: (place, name) => MARKS[Math.max(order(place).indexOf(name), 0) % MARKS.length] };
  };
  const draw = (place) => {
    const kind = KINDS[place.dataset.chart];
    const { heads, rows } = read(document.getElementById(place.dataset.sheet));
    const lines = place.dataset.chart === "percentiles" && window.uPlot && window.cegLines;
    if (!(lines || (kind && window.echarts)) || !rows.length) return;
    place.classList.add("drawn");
    if (lines) {
      const drawn = lines(place, rows, heads, look());
      new ResizeObserver(drawn.resize).observe(place);
      return;
    }
    const there = window.echarts.getInstanceByDom(place);
    const chart = there || window.echarts.init(place, null, { renderer: "canvas" });
    const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const font = getComputedStyle(document.body).fontFamily;
    chart.setOption({ animation: !quiet, textStyle: { fontFamily: font }, tooltip: { renderMode: "richText" }, ...kind(rows, heads, look(), place) });
    if (!there) new ResizeObserver(() => chart.resize()).observe(place);
  };
  const all = () => document.querySelectorAll(".chart:not(.drawn)").forEach(draw);
  document.addEventListener("DOMContentLoaded", all);
  // A table that came anew is drawn anew.
  const anew = (place) => { if (window.echarts && window.echarts.getInstanceByDom(place)) draw(place); };
  document.addEventListener("htmx:afterSettle", () => document.querySelectorAll(".chart.drawn").forEach(anew));
  document.addEventListener("htmx:afterSettle", all);
})();
