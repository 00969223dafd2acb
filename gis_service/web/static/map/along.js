// Along a line: its course, what lies beside it in numbers, and their table.
"use strict";

(() => {
  const { element, t } = gis;
  const page = (selector) => document.querySelector(selector);

  /** One line downstream: its corridor, arrows of the flow, the hits numbered by chainage, and their table. */
  gis.along = (map, { line, code, within, hits, layers }) => {
    const state = map.gis;
    state.course = code;
    const course = gis.parts.add(state, line, { z: 12, quiet: true, opens: false, draw: (layer, frame) => drawCourse(layer, frame, within) });
    const shown = gis.parts.add(state, { name: "hits", title: "", terms: {}, ...hits }, { z: 60, opens: false, draw() {} });
    shown.source.ready.then((features) => {
      features.forEach((feature, i) => { feature.number = i + 1; });
      for (const [name, described] of Object.entries(layers)) {
        const mine = features.filter((feature) => feature.properties.layer === name);
        page(`canvas.swatch[data-layer="${name}"]`)?.closest("label").append(" ", element("span", { class: "count" }, gis.number(mine.length)));
        for (const feature of mine) feature.properties[described.field] ??= feature.properties.term;
        state.layers.push({ ...described, z: 50, visible: true, opens: true, hit: true, hidden: new Set(), radius: 10, state,
          source: { inView: () => mine, list: mine, ready: Promise.resolve(mine) }, draw: drawHits });
      }
      gis.drawSwatches?.();
      fillTable(state, features, layers, shown.source.document);
      state.painter.redraw();
    });
    course.source.ready.then(([feature]) => {
      if (feature) map.fitBounds(gis.boundsOf(feature), { padding: [60, 60], maxZoom: 16, animate: false });
    });
  };

  function drawCourse(layer, frame, within) {
    const { ctx } = frame;
    for (const feature of layer.shown) {
      ctx.lineCap = "round";
      gis.parts.stroke(frame, feature, "rgba(31,111,178,.13)", Math.max(2, 2 * within * frame.metre));
      gis.parts.stroke(frame, feature, "#ffffff", 8);
      gis.parts.stroke(frame, feature, "#1f6fb2", 5);
      for (const part of feature.parts) arrows(frame, part);
    }
    for (const feature of layer.shown) if (feature.parts.length === 1) posts(frame, feature.parts[0]);
    gis.parts.nameLines(layer, frame, "#174a78", { rank: 5, weight: 700, larger: 3 });
  }

  /** Chevrons every 70 pixels, pointing downstream. */
  function arrows({ ctx, x, y }, part) {
    let left = 35;
    ctx.strokeStyle = "#ffffff";
    ctx.lineWidth = 1.6;
    for (let i = 2; i < part.length; i += 2) {
      const ax = x(part[i - 2]), ay = y(part[i - 1]), dx = x(part[i]) - ax, dy = y(part[i + 1]) - ay, length = Math.hypot(dx, dy);
      if (!length) continue;
      for (; left < length; left += 70) {
        const ux = dx / length, uy = dy / length, px = ax + ux * left, py = ay + uy * left;
        ctx.beginPath();
        ctx.moveTo(px - 2.6 * ux - 2.4 * uy, py - 2.6 * uy + 2.4 * ux);
        ctx.lineTo(px + 1.6 * ux, py + 1.6 * uy);
        ctx.lineTo(px - 2.6 * ux + 2.4 * uy, py - 2.6 * uy - 2.4 * ux);
        ctx.stroke();
      }
      left -= length;
    }
  }

  /** Kilometre posts along the course: K0, K1, ... */
  function posts(frame, part) {
    let gone = 0, next = 0;
    for (let i = 2; i < part.length; i += 2) {
      const a = [gis.longitude(part[i - 2]), gis.latitude(part[i - 1])], b = [gis.longitude(part[i]), gis.latitude(part[i + 1])];
      const step = gis.distance(a, b);
      for (; next <= gone + step; next += 1000) {
        const share = step ? (next - gone) / step : 0;
        const px = frame.x(part[i - 2] + share * (part[i] - part[i - 2])), py = frame.y(part[i - 1] + share * (part[i + 1] - part[i - 1]));
        gis.symbols.point(frame.ctx, { shape: "circle", colour: "#ffffff", radius: 3.4 }, px, py);
        frame.labels.push({ text: `K${next / 1000}`, x: px, y: py, above: -13, size: 11, weight: 600, colour: "#1f4e79", rank: 10 });
      }
      gone += step;
    }
  }

  /** Push numbers that cover each other apart: the place of every hit in this frame, by feature. */
  function spread(state, frame) {
    if (frame.spread) return frame.spread;
    const hits = state.layers.filter((layer) => layer.hit && layer.visible).flatMap((layer) => layer.shown);
    const places = hits.map((feature) => gis.placeOf(frame, feature));
    for (let round = 0, moved = true; moved && round < 40; round++) {
      moved = false;
      for (let i = 0; i < places.length; i++) {
        for (let j = i + 1; j < places.length; j++) {
          const [a, b] = [places[i], places[j]], gap = 20.5 - Math.hypot(b[0] - a[0], b[1] - a[1]);
          if (gap <= 0.5) continue;
          const angle = a[0] === b[0] && a[1] === b[1] ? i + j : Math.atan2(b[1] - a[1], b[0] - a[0]), push = gap / 2;
          places[i] = [a[0] - Math.cos(angle) * push, a[1] - Math.sin(angle) * push];
          places[j] = [b[0] + Math.cos(angle) * push, b[1] + Math.sin(angle) * push];
          moved = true;
        }
      }
    }
    frame.spread = new Map(hits.map((feature, i) => [feature, places[i]]));
    for (const [feature, place] of frame.spread) leader(frame, gis.placeOf(frame, feature), place);
    return frame.spread;
  }

  function leader({ ctx }, from, to) {
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) < 3) return;
    for (const [colour, width] of [["rgba(255,255,255,.9)", 3], ["#4a5159", 1]]) {
      ctx.beginPath();
      ctx.moveTo(...from);
      ctx.lineTo(...to);
      ctx.strokeStyle = colour;
      ctx.lineWidth = width;
      ctx.stroke();
    }
    ctx.beginPath();
    ctx.arc(...from, 2.2, 0, 2 * Math.PI);
    ctx.fillStyle = "#4a5159";
    ctx.fill();
  }

  function drawHits(layer, frame) {
    const places = spread(layer.state, frame);
    for (const feature of layer.shown) {
      const [x, y] = places.get(feature), term = layer.terms[gis.termOf(layer, feature.properties)];
      if (feature.kind === gis.LINE) gis.parts.stroke(frame, feature, term ? term.colour : "#8a8f98", 4);
      const radius = feature === layer.state.chosen ? 13 : 9.5;
      gis.symbols.point(frame.ctx, { shape: layer.shape, colour: term ? term.colour : "#8a8f98", radius, text: String(feature.number) }, x, y);
      gis.keepFree(frame, x, y, radius);
    }
  }

  function fillTable(state, features, layers, answer) {
    const body = page(".hits tbody"), found = answer && answer.line;
    const name = found ? found.name || found.code : "";
    if (name) page(".line-name").textContent = name;
    const length = found && found.length_m ? t(`全长 ${gis.metres(found.length_m)}, `, `${gis.metres(found.length_m)} long, `) : "";
    page(".summary").textContent = length + t(`沿线 ${features.length} 处`, `${features.length} along it`);
    for (const feature of features) {
      const p = feature.properties, layer = state.layers.find((l) => l.hit && l.name === p.layer), term = layer && layer.terms[gis.termOf(layer, p)];
      const mark = element("canvas", { class: "swatch" });
      if (layer) gis.symbols.swatch(mark, { shape: layer.shape, colour: term ? term.colour : "#8a8f98", radius: 5 });
      const row = element("tr", { tabindex: 0, "data-code": p.code },
        element("td", {}, String(feature.number)), element("td", { class: "number" }, p.chainage), element("td", {}, gis.sideOf(p.side)),
        element("td", { class: "number" }, gis.metres(p.distance_m)), element("th", { scope: "row" }, mark, p.name || p.code, element("small", {}, layer ? layer.title : "")),
        element("td", {}, term ? term.label : ""), element("td", { class: "why" }, gis.reasonsOf(p.why)));
      gis.activate(row, () => select(state, layer, feature, row));
      feature.row = row;
      body.append(row);
    }
    if (!features.length) body.append(element("tr", {}, element("td", { colspan: 7 }, t("沿线没有符合条件的记录", "Nothing lies along this line"))));
    state.map.on("popupclose", () => choose(state, null));
    for (const layer of state.layers) if (layer.hit) layer.onopen = (feature) => { choose(state, feature); feature.row.scrollIntoView({ block: "nearest" }); return false; };
  }

  /** Mark one hit on the map and in the table. */
  function choose(state, feature) {
    state.chosen?.row.classList.remove("chosen");
    state.chosen = feature;
    feature?.row.classList.add("chosen");
    state.painter.redraw();
  }

  function select(state, layer, feature) {
    const { frame, _bounds } = state.painter, [x, y] = gis.placeOf(frame, feature);
    const latlng = state.map.layerPointToLatLng([x + _bounds.min.x, y + _bounds.min.y]);
    state.map.setView(latlng, Math.max(state.map.getZoom(), 14), { animate: false });
    gis.openPopup(state, [{ layer, feature }], latlng);
    choose(state, feature);
    page(".margin.open .handle")?.click(); // on a phone the column would hide what was chosen
  }
})();
