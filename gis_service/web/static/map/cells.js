// Many marks drawn as one: a tile that holds too many counts them in cells, each with its number by term. A click splits it.
"use strict";

(() => {
  const { t } = gis;
  const LEAST = 9, GROWS = 3.6, MOST = 30;

  /** What a cell shows of a layer's terms: those that the legend has left on; null where none is left. */
  gis.cellShown = (layer, cell) => {
    const on = Object.keys(layer.terms).filter((term) => cell.properties[term] && !layer.hidden.has(term));
    if (!on.length) return null;
    const number = on.reduce((sum, term) => sum + cell.properties[term], 0);
    const worst = layer.worst.find((term) => on.includes(term)) ?? on.find((term) => term !== "未知") ?? on[0];
    return { ...cell, number, by: on.map((term) => [term, cell.properties[term]]), properties: { [layer.field]: worst } };
  };

  /** The radius in pixels of a cell's circle: four pixels more where it holds ten times as many. */
  gis.cellRadius = ({ number }) => Math.min(MOST, LEAST + GROWS * Math.log10(number));

  const short = (number) => (number < 1000 ? String(number)
    : Intl.NumberFormat(gis.language === "zh" ? "zh-CN" : "en-GB", { notation: "compact", maximumSignificantDigits: 2 }).format(number));

  /** Draw a cell: its number on the worst term's colour, and around it the parts of the terms. */
  gis.drawCell = (layer, frame, cell) => {
    const { ctx } = frame, [x, y] = gis.placeOf(frame, cell), radius = gis.cellRadius(cell), text = short(cell.number);
    const ground = { colour: gis.symbols.paler(gis.colourOf(layer, cell.properties), 0.78), radius: radius - 3.2 };
    ctx.beginPath();
    ctx.arc(x, y, radius + 1.4, 0, 2 * Math.PI);
    ctx.fillStyle = "rgba(255,255,255,.92)";
    ctx.fill();
    ctx.lineWidth = 2.6;
    let from = -Math.PI / 2;
    for (const [term, number] of cell.by) {
      const to = from + (2 * Math.PI * number) / cell.number;
      ctx.beginPath();
      ctx.arc(x, y, radius - 1, from, to);
      ctx.strokeStyle = layer.terms[term].colour;
      ctx.stroke();
      from = to;
    }
    ctx.beginPath();
    ctx.arc(x, y, ground.radius, 0, 2 * Math.PI);
    ctx.fillStyle = ground.colour;
    ctx.fill();
    // above the marks of other layers, and before every name; of two numbers in each other's way the larger stays
    const size = Math.max(9, Math.min(14, (1.72 * ground.radius) / Math.max(1.2, 0.6 * text.length)));
    frame.labels.push({ text, x, y, size, colour: "#14202b", weight: 600, ground, rank: -2 - cell.number / 1e9 });
    gis.keepFree(frame, x, y, radius, 32); // names of areas may stand on it, those of features not
  };

  /** What a cell holds, in words. */
  gis.cellWords = (layer, cell) => {
    const number = gis.number(cell.number);
    return [t(`${layer.title} ${number} 处`, `${number} ${layer.title.toLowerCase()}`),
      cell.by.map(([term, count]) => `${layer.terms[term].label} ${gis.number(count)}`).join(" · ")];
  };

  /** Split a cell: closer by two zooms around it, as far as the map goes. */
  gis.splitCell = (state, layer, cell) => {
    const { map } = state, [x, y] = cell.parts[0], latlng = [gis.latitude(y), gis.longitude(x)];
    if (map.getZoom() < map.getMaxZoom()) {
      map.setView(latlng, Math.min(map.getMaxZoom(), map.getZoom() + 2));
      return;
    }
    const [what, terms] = gis.cellWords(layer, cell);
    map.openPopup(gis.element("div", { class: "record" }, gis.element("h3", {}, what), gis.element("p", { class: "note" }, terms)), latlng);
  };
})();
