// Names on the map: the more important first, and none over another.
"use strict";

(() => {
  /**
   * Draw the labels that a frame has gathered: {text, sub, x, y, size, colour, rank, angle, above, serif, key, ground}. Of
   * those with one key, the first that fits is drawn. On a round `ground` of a colour and radius, nothing shows between the letters.
   */
  gis.placeLabels = (frame) => {
    const { ctx, labels, size } = frame, taken = [], done = new Set();
    labels.sort((a, b) => a.rank - b.rank);
    for (const label of labels) {
      if (label.key && done.has(label.key)) continue;
      // what does not fit with its second line may fit without
      for (const sub of label.sub ? [label.sub, ""] : [""]) {
        const rows = rowsOf(label, sub), box = boundsOf(ctx, label, rows);
        const outside = box[2] < 0 || box[3] < 0 || box[0] > size.x || box[1] > size.y;
        if (outside || taken.some((t) => t[0] < box[2] && t[2] > box[0] && t[1] < box[3] && t[3] > box[1])) continue;
        taken.push(box);
        write(ctx, label, rows);
        done.add(label.key);
        break;
      }
    }
    ctx.letterSpacing = "0px";
  };

  /** The lines of a label: text, font, spacing and how far below its middle each stands. */
  function rowsOf({ text, size, weight = 500, serif, spacing = 0, silent }, sub) {
    if (silent) return [];
    const face = `${weight} ${size}px ${serif ? gis.SERIF : gis.FONT}`;
    if (!sub) return [{ text, face, spacing, dy: 0, height: size }];
    const small = Math.max(10.5, size * 0.78);
    return [{ text, face, spacing, dy: -size * 0.52, height: size }, { text: sub, face: `600 ${small}px ${gis.FONT}`, spacing: 0, dy: small * 0.72, height: small }];
  }

  function measure(ctx, { text, face, spacing }) {
    ctx.font = face;
    ctx.letterSpacing = `${spacing}px`;
    return ctx.measureText(text).width;
  }

  /** Keep labels away from a symbol of this radius. */
  gis.keepFree = (frame, x, y, radius, rank = -1) => frame.labels.push({ text: "", x, y, size: radius * 2.1, rank, silent: true });

  function boundsOf(ctx, { x, y, angle = 0, above = 0, silent, size }, rows) {
    if (silent) return [x - size / 2, y - size / 2, x + size / 2, y + size / 2];
    const width = Math.max(...rows.map((row) => measure(ctx, row))), height = rows.reduce((sum, row) => sum + row.height * 1.2, 0);
    const w = Math.abs(Math.cos(angle)) * width + Math.abs(Math.sin(angle)) * height;
    const h = Math.abs(Math.sin(angle)) * width + Math.abs(Math.cos(angle)) * height;
    return [x - w / 2 - 2, y - above - h / 2 - 1, x + w / 2 + 2, y - above + h / 2 + 1];
  }

  function write(ctx, label, rows) {
    if (label.silent) return;
    ctx.save();
    ctx.translate(label.x, label.y - (label.above || 0));
    ctx.rotate(label.angle || 0);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    for (const { text, face, spacing, dy } of rows) {
      ctx.font = face;
      ctx.letterSpacing = `${spacing}px`;
      if (label.ground) cover(ctx, text, dy, label.ground);
      ctx.strokeStyle = "rgba(255,255,255,.9)";
      ctx.lineWidth = 3.2;
      ctx.strokeText(text, 0, dy);
      ctx.fillStyle = label.colour;
      ctx.fillText(text, 0, dy);
    }
    ctx.restore();
  }

  function cover(ctx, text, dy, { colour, radius }) {
    ctx.save();
    ctx.beginPath();
    ctx.arc(0, 0, radius, 0, 2 * Math.PI);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 10;
    ctx.strokeText(text, 0, dy);
    ctx.restore();
  }

  /** The point inside a polygon that is far from its edges, for its name: the best of a grid, refined twice. */
  gis.poleOf = (feature) => {
    if (feature.pole) return feature.pole;
    const ring = feature.parts.reduce((a, b) => (areaOf(b) > areaOf(a) ? b : a));
    let [x0, y0, x1, y1] = boxOf(ring), best = [(x0 + x1) / 2, (y0 + y1) / 2], most = -Infinity;
    for (let round = 0; round < 3; round++) {
      const stepX = (x1 - x0) / 14, stepY = (y1 - y0) / 14;
      for (let i = 0; i <= 14; i++) {
        for (let j = 0; j <= 14; j++) {
          const x = x0 + i * stepX, y = y0 + j * stepY, far = clearance(ring, x, y);
          if (far > most) { most = far; best = [x, y]; }
        }
      }
      [x0, y0, x1, y1] = [best[0] - stepX, best[1] - stepY, best[0] + stepX, best[1] + stepY];
    }
    feature.pole = best;
    feature.clearance = most;
    return best;
  };

  function boxOf(ring) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < ring.length; i += 2) {
      box[0] = Math.min(box[0], ring[i]);
      box[1] = Math.min(box[1], ring[i + 1]);
      box[2] = Math.max(box[2], ring[i]);
      box[3] = Math.max(box[3], ring[i + 1]);
    }
    return box;
  }

  function areaOf(ring) {
    let sum = 0;
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) sum += ring[j] * ring[i + 1] - ring[i] * ring[j + 1];
    return Math.abs(sum);
  }

  /** The distance to the ring's nearest edge; negative outside. Names are wide, so that width counts for less. */
  function clearance(ring, x, y) {
    let within = false, least = Infinity;
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
      const ax = ring[j], ay = ring[j + 1], bx = ring[i], by = ring[i + 1];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
      const dx = bx - ax, dy = by - ay;
      const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
      least = Math.min(least, Math.hypot((ax + along * dx - x) * 0.7, ay + along * dy - y));
    }
    return within ? least : -least;
  }

  /** Where a line's name fits: the straight stretches of `width` pixels along it, the straightest first. */
  gis.stretchesOf = (frame, part, width) => {
    const at = [0];
    for (let i = 2; i < part.length; i += 2) {
      at.push(at[at.length - 1] + Math.hypot(frame.x(part[i]) - frame.x(part[i - 2]), frame.y(part[i + 1]) - frame.y(part[i - 1])));
    }
    const length = at[at.length - 1];
    const found = [];
    if (length < width * 1.3) return found;
    for (const share of [0.5, 0.38, 0.62, 0.25, 0.75, 0.15, 0.85]) {
      const a = pointAt(frame, part, at, length * share - width / 2), b = pointAt(frame, part, at, length * share + width / 2);
      const straight = Math.hypot(b[0] - a[0], b[1] - a[1]) / width;
      let angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
      if (Math.abs(angle) > Math.PI / 2) angle += angle > 0 ? -Math.PI : Math.PI;
      if (straight > 0.8) found.push({ straight, angle, x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 });
    }
    return found.sort((a, b) => b.straight - a.straight);
  };

  function pointAt(frame, part, at, wanted) {
    let i = 1;
    while (i < at.length - 1 && at[i] < wanted) i++;
    const share = Math.max(0, Math.min(1, (wanted - at[i - 1]) / (at[i] - at[i - 1] || 1)));
    const x = part[2 * i - 2] + share * (part[2 * i] - part[2 * i - 2]), y = part[2 * i - 1] + share * (part[2 * i + 1] - part[2 * i - 1]);
    return [frame.x(x), frame.y(y)];
  }
})();
