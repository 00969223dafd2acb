// The parts that Folium's page asks for: base map, areas, water, layers; and the margin column's buttons.
"use strict";

(() => {
  const { t } = gis;
  const INK = { outside: "#e9e6df", paper: "#fbfaf7", border: "#b3ab9d", district: "#6d665b", water: "#9cc3dc", waterName: "#3f7ea6", area: "#6a6459" };

  gis.baseMap = (map, { url, maxZoom }) => {
    L.tileLayer(url, { maxNativeZoom: maxZoom, maxZoom: 18, opacity: 0.75 }).addTo(map);
    map.gis.based = true;
  };

  function add(state, options, more) {
    const layer = { visible: true, opens: true, ...options, ...more, hidden: new Set(options.hidden) };
    layer.source = gis.open(state, options.source, options.name);
    state.layers.push(layer);
    return layer;
  }

  /** The administrative areas: the ground that everything else stands on, with names, coloured by risk where given. */
  gis.areas = (map, options) => {
    const state = map.gis, risk = new Map((options.risk || []).filter((row) => row.level).map((row) => [row.area_code, row]));
    const layer = add(state, options, { z: 0, quiet: true, isArea: true, field: "", draw: drawAreas, risk, state });
    state.ground = layer;
    layer.source.ready.then((features) => {
      for (const { properties } of features) state.areas.set(properties.code, properties.name);
      state.painter.redraw();
    });
  };

  const isLeaf = ({ properties }) => properties.leaf !== false;

  function drawAreas(layer, frame) {
    const { ctx } = frame, leaves = layer.shown.filter(isLeaf), wholes = layer.shown.filter((f) => !isLeaf(f));
    const only = layer.state.options.area, based = layer.state.based;
    ctx.lineJoin = "round";
    for (const feature of wholes) if (!based) paint(frame, feature, { fill: INK.paper, stroke: "rgba(109,102,91,.16)", width: 9 });
    for (const feature of leaves) {
      const risk = layer.risk.get(feature.code), chosen = !only || only === feature.code || !leaves.some((f) => f.code === only);
      let fill = risk ? gis.symbols.paler(layer.levels[risk.level].colour, 0.62) : INK.paper;
      if (!chosen) fill = gis.symbols.mix(risk ? fill : INK.paper, INK.outside, 0.75);
      paint(frame, feature, { fill: based ? (risk ? `${fill}99` : null) : fill, stroke: INK.border, width: 1.1, dash: [5, 3] });
    }
    for (const feature of wholes.length ? wholes : []) paint(frame, feature, { stroke: INK.district, width: 2 });
    if (only) for (const feature of leaves) if (feature.code === only) paint(frame, feature, { stroke: INK.district, width: 2.4 });
    for (const feature of leaves) nameArea(layer, frame, feature);
  }

  function paint(frame, feature, { fill, stroke, width, dash = [] }) {
    const { ctx } = frame;
    gis.clipped(frame, feature, () => {
      gis.trace(frame, feature, true);
      if (fill) { ctx.fillStyle = fill; ctx.fill("evenodd"); }
      if (stroke) {
        ctx.strokeStyle = stroke;
        ctx.lineWidth = width;
        ctx.setLineDash(dash);
        ctx.stroke();
        ctx.setLineDash([]);
      }
    });
  }

  function nameArea(layer, frame, feature) {
    if (!feature.properties.name) return;
    const [x, y] = gis.poleOf(feature), room = feature.clearance * frame.scale, risk = layer.risk.get(feature.code);
    if (room < 13) return;
    const size = Math.round(Math.max(11, Math.min(19, 8 + room / 7)));
    frame.labels.push({
      text: feature.properties.name, key: `area/${feature.code}`, x: frame.x(x), y: frame.y(y), size, serif: true, weight: 600, rank: risk ? 0 : 30 - room / 100,
      spacing: size > 13 ? 2 : 1, colour: risk ? "#2c2a26" : INK.area,
      sub: risk ? t(`${risk.level} ${gis.number(risk.score, 1)} · 第${risk.rank}`, `${gis.number(risk.score, 1)} · no. ${risk.rank}`) : "",
    });
  }

  /** Water as ground: quiet blue lines with their names. */
  gis.water = (map, options) => {
    const state = map.gis, choosing = state.options.map === "along";
    add(state, options, {
      z: 10, quiet: !choosing, state,
      onopen: choosing ? (feature) => choose(state, options.name, feature.code) : null,
      draw(layer, frame) {
        for (const feature of layer.shown) stroke(frame, feature, INK.water, widthAt(frame, 2.6));
        nameLines({ name: layer.name, shown: layer.shown.filter((feature) => feature.code !== state.course) }, frame, INK.waterName);
      },
    });
  };

  /** Show the same map for another line. */
  function choose(state, layer, code) {
    if (state.options.root === null) return false;
    const query = new URLSearchParams(location.search);
    query.set("layer", layer);
    query.set("code", code);
    location.search = query;
    return true;
  }

  const widthAt = (frame, size) => size * Math.max(0.5, Math.min(2.4, 0.75 + (frame.zoom - 12) * 0.28));

  function stroke(frame, feature, colour, width, dash = []) {
    const { ctx } = frame;
    gis.clipped(frame, feature, () => {
      gis.trace(frame, feature);
      ctx.lineCap = dash.length ? "butt" : "round";
      ctx.lineJoin = "round";
      ctx.strokeStyle = colour;
      ctx.lineWidth = width;
      ctx.setLineDash(dash);
      ctx.stroke();
      ctx.setLineDash([]);
    });
  }

  function nameLines(layer, frame, colour, { rank = 40, weight = 500, larger = 0 } = {}) {
    if (frame.zoom < 12.4) return;
    const size = Math.round(Math.min(14, 11 + (frame.zoom - 12.4))) + larger, named = new Set();
    for (const feature of layer.shown) {
      const { name, code } = feature.properties;
      if (!name || named.has(code)) continue;
      const part = feature.parts.reduce((a, b) => (b.length > a.length ? b : a));
      named.add(code);
      gis.stretchesOf(frame, part, size * name.length * 1.15).forEach((place, i) =>
        frame.labels.push({ text: name, key: `${layer.name}/${code}`, ...place, size, colour, spacing: 1, rank: rank + i / 10, weight }));
    }
  }

  /** A layer of features by the terms of its field. */
  gis.layer = (map, options) => {
    const state = map.gis, base = { line: 20, area: 15 }[options.shape] || 40;
    const layer = add(state, options, { z: base + state.layers.length / 100, points: base === 40, state, draw: drawLayer });
    state.painter.redraw();
    return layer;
  };

  function drawLayer(layer, frame) {
    const areas = layer.shown.filter((f) => f.kind === gis.AREA), lines = layer.shown.filter((f) => f.kind === gis.LINE);
    for (const feature of areas) {
      if (layer.points && small(frame, feature, 12)) continue; // its symbol says more
      const colour = gis.colourOf(layer, feature.properties);
      paint(frame, feature, { fill: `${colour}66`, stroke: colour, width: 1.4 });
    }
    const width = widthAt(frame, layer.shape === "line" ? layer.size : layer.size / 2) * Math.sqrt(frame.crowd);
    for (const feature of lines) stroke(frame, feature, "rgba(255,255,255,.85)", width + 2.2);
    for (const feature of lines) {
      stroke(frame, feature, gis.colourOf(layer, feature.properties), width, hollow(layer, feature.properties) ? [5, 4] : []);
    }
    if (layer.shape === "line") nameLines(layer, frame, "#2b5b7d");
    // small outlines are lost at low zooms: they get the layer's symbol too
    const marks = layer.shown.filter((f) => (f.kind === gis.POINT && !f.counted) || (layer.points && small(frame, f, 26)));
    if (layer.sizeBy) {
      // the worst on top; elsewhere the small, which the large would hide
      const { field } = layer.sizeBy, sign = layer.trace ? 1 : -1;
      marks.sort((a, b) => sign * ((a.properties[field] || 0) - (b.properties[field] || 0)));
    }
    for (const feature of marks) mark(layer, frame, feature);
    for (const cell of layer.shown) if (cell.counted) gis.drawCell(layer, frame, cell);
  }

  const small = (frame, { box }, pixels) => (box[2] - box[0]) * frame.scale < pixels && (box[3] - box[1]) * frame.scale < pixels;

  const hollow = (layer, properties) =>
    Boolean(layer.hollow) && properties[layer.hollow.field] !== undefined && properties[layer.hollow.field] < layer.hollow.below;

  /** Where a feature's symbol stands, in pixels of the frame. */
  gis.placeOf = (frame, feature) => {
    if (feature.kind === gis.POINT) return [frame.x(feature.parts[0][0]), frame.y(feature.parts[0][1])];
    if (feature.kind === gis.AREA) return [frame.x(gis.poleOf(feature)[0]), frame.y(gis.poleOf(feature)[1])];
    const middle = feature.parts[0].length >> 2;
    return [frame.x(feature.parts[0][2 * middle]), frame.y(feature.parts[0][2 * middle + 1])];
  };

  function mark(layer, frame, feature) {
    const { properties } = feature, [x, y] = gis.placeOf(frame, feature), radius = gis.radiusOf(layer, properties, frame);
    gis.symbols.point(frame.ctx, { shape: layer.shape, colour: gis.colourOf(layer, properties), radius, hollow: hollow(layer, properties) }, x, y);
    if (frame.zoom < 14.5 || !properties.name) return;
    gis.keepFree(frame, x, y, radius);
    frame.labels.push({ text: properties.name, x, y, above: radius + 9, size: 11.5, colour: "#3a3f46", rank: 60 - radius, weight: 500 });
  }

  gis.INK = INK;
  gis.parts = { add, paint, stroke, nameLines };
})();
