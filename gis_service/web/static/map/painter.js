// One canvas for everything that is drawn: ground, lines, points and labels, in that order, and what lies under a pointer.
"use strict";

(() => {
  const TILE = 256, NEAR = 5, ROOM = 1500;

  gis.Painter = L.Renderer.extend({
    options: { padding: 0.25, pane: "overlayPane" },

    initialize(state) {
      L.Renderer.prototype.initialize.call(this, {});
      this.state = state;
    },

    _initContainer() {
      this._container = document.createElement("canvas");
      this._ctx = this._container.getContext("2d");
    },

    _destroyContainer() {
      cancelAnimationFrame(this._frame);
      L.DomUtil.remove(this._container);
    },

    _updatePaths() {},

    _update() {
      if (this._map._animatingZoom && this._bounds) return;
      L.Renderer.prototype._update.call(this);
      this.paint();
    },

    /** Paint once more before the next frame, however often this is asked for. */
    redraw() {
      if (!this._map || this._frame) return;
      this._frame = requestAnimationFrame(() => {
        this._frame = null;
        if (this._map && !this._map._animatingZoom) this.paint();
      });
    },

    paint() {
      const { min } = this._bounds, size = this._bounds.getSize(), ratio = Math.max(window.devicePixelRatio || 1, 1.5);
      const canvas = this._container, ctx = this._ctx, origin = this._map.getPixelOrigin();
      L.DomUtil.setPosition(canvas, min);
      canvas.width = size.x * ratio;
      canvas.height = size.y * ratio;
      canvas.style.width = `${size.x}px`;
      canvas.style.height = `${size.y}px`;
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      const zoom = this._map.getZoom(), scale = TILE * 2 ** zoom, left = origin.x + min.x, top = origin.y + min.y;
      const frame = {
        ctx, zoom, scale, size,
        x: (value) => value * scale - left,
        y: (value) => value * scale - top,
        box: [left / scale, top / scale, (left + size.x) / scale, (top + size.y) / scale],
        metre: scale / (2 * Math.PI * 6378137 * Math.cos((this._map.getCenter().lat * Math.PI) / 180)),
        labels: [],
      };
      const layers = this.state.layers.filter((layer) => layer.visible).sort((a, b) => a.z - b.z);
      for (const layer of layers) layer.shown = this.select(layer, frame);
      frame.crowd = crowding(layers, frame);
      for (const layer of layers) layer.draw(layer, frame);
      gis.placeLabels(frame);
      this.frame = frame;
    },

    select(layer, frame) {
      const { box } = frame;
      return layer.source.inView(box, frame.zoom)
        .filter(({ box: b }) => b[2] >= box[0] && b[0] <= box[2] && b[3] >= box[1] && b[1] <= box[3])
        .map((feature) => (feature.counted ? gis.cellShown(layer, feature) : feature))
        .filter((feature) => feature && !layer.hidden.has(gis.termOf(layer, feature.properties)));
    },

    /** What lies under a layer point, the topmost first: [{layer, feature}]. */
    at(point) {
      const { frame } = this;
      if (!frame) return [];
      const x = point.x - this._bounds.min.x, y = point.y - this._bounds.min.y, found = [];
      const layers = this.state.layers.filter((layer) => layer.visible && layer.opens).sort((a, b) => b.z - a.z);
      for (const layer of layers) {
        for (let i = layer.shown ? layer.shown.length - 1 : -1; i >= 0; i--) {
          if (touches(layer.shown[i], layer, frame, x, y)) found.push({ layer, feature: layer.shown[i] });
        }
      }
      return found;
    },
  });

  /** How much smaller points must be so that they do not hide each other: 1 where each has ROOM square pixels. */
  function crowding(layers, frame) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    let points = 0;
    for (const layer of layers.filter((one) => one.points)) {
      for (const { box: [x, y], counted } of layer.shown) {
        if (counted) continue;
        points += 1;
        box[0] = Math.min(box[0], x);
        box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x);
        box[3] = Math.max(box[3], y);
      }
    }
    if (points < 2) return 1;
    const ground = Math.max(400, (box[2] - box[0]) * frame.scale) * Math.max(300, (box[3] - box[1]) * frame.scale);
    return Math.max(0.25, Math.min(1, Math.sqrt(ground / points / ROOM)));
  }

  /** The radius in pixels of a point of this layer at this zoom. */
  gis.radiusOf = (layer, properties, frame) => {
    const grown = Math.max(0.3, Math.min(1.15, 0.64 + (frame.zoom - 11.5) * 0.12));
    let radius = layer.size * grown;
    if (layer.sizeBy) {
      const share = Math.min(1, (Math.max(0, Number(properties[layer.sizeBy.field]) || 0) / layer.sizeBy.most) ** layer.sizeBy.power);
      radius *= 0.5 + 1.4 * share;
    }
    if (frame.zoom < layer.fromZoom) return 1.6;
    return Math.max(1.2, radius * frame.crowd);
  };

  function touches(feature, layer, frame, x, y) {
    const { kind, parts, box, clip } = feature, moved = frame.spread && frame.spread.get(feature);
    if (moved) return Math.hypot(moved[0] - x, moved[1] - y) <= layer.radius + 2;
    if (kind === gis.POINT) {
      const reach = feature.counted ? gis.cellRadius(feature) : (layer.radius || gis.radiusOf(layer, {}, frame)) + NEAR;
      return parts.some((p) => Math.hypot(frame.x(p[0]) - x, frame.y(p[1]) - y) <= reach);
    }
    const margin = kind === gis.LINE ? NEAR + 2 : 0;
    if (x < frame.x(box[0]) - margin || x > frame.x(box[2]) + margin) return false;
    if (y < frame.y(box[1]) - margin || y > frame.y(box[3]) + margin) return false;
    if (clip && (x < frame.x(clip[0]) || x > frame.x(clip[2]) || y < frame.y(clip[1]) || y > frame.y(clip[3]))) return false;
    return kind === gis.LINE ? parts.some((p) => nearLine(p, frame, x, y, margin)) : inside(parts, frame, x, y);
  }

  function nearLine(part, frame, x, y, margin) {
    for (let i = 2; i < part.length; i += 2) {
      const ax = frame.x(part[i - 2]), ay = frame.y(part[i - 1]), dx = frame.x(part[i]) - ax, dy = frame.y(part[i + 1]) - ay;
      const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
      if (Math.hypot(ax + along * dx - x, ay + along * dy - y) <= margin) return true;
    }
    return false;
  }

  function inside(rings, frame, x, y) {
    let within = false;
    for (const ring of rings) {
      for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
        const ay = frame.y(ring[i + 1]), by = frame.y(ring[j + 1]);
        if (ay > y !== by > y && x < ((frame.x(ring[j]) - frame.x(ring[i])) * (y - ay)) / (by - ay) + frame.x(ring[i])) within = !within;
      }
    }
    return within;
  }

  /** Put a feature's lines or rings into the context's path. */
  gis.trace = (frame, { parts }, closed = false) => {
    const { ctx } = frame;
    ctx.beginPath();
    for (const part of parts) {
      let lastX = NaN, lastY = NaN;
      for (let i = 0; i < part.length; i += 2) {
        const x = frame.x(part[i]), y = frame.y(part[i + 1]);
        if (i && i < part.length - 2 && Math.abs(x - lastX) + Math.abs(y - lastY) < 0.7) continue;
        if (i) ctx.lineTo(x, y);
        else ctx.moveTo(x, y);
        lastX = x;
        lastY = y;
      }
      if (closed) ctx.closePath();
    }
  };

  /** Draw only inside a tile, whose features are cut a little outside of it. */
  gis.clipped = (frame, { clip }, draw) => {
    const { ctx } = frame;
    if (!clip) return draw();
    ctx.save();
    ctx.beginPath();
    ctx.rect(frame.x(clip[0]), frame.y(clip[1]), frame.x(clip[2]) - frame.x(clip[0]), frame.y(clip[3]) - frame.y(clip[1]));
    ctx.clip();
    draw();
    return ctx.restore();
  };

  /** Follow the pointer: a tooltip with the name, a click opens what is there; Enter opens what is in the middle. */
  gis.readPointer = (state) => {
    const { map, painter } = state, tip = L.tooltip({ direction: "top", offset: [0, -8], className: "tip" });
    let frame = null;
    map.on("mousemove", (event) => {
      if (frame) return;
      frame = requestAnimationFrame(() => {
        frame = null;
        const [top] = painter.at(event.layerPoint);
        map.getContainer().classList.toggle("pointing", Boolean(top));
        if (!top || top.layer.quiet) return map.closeTooltip(tip);
        return map.openTooltip(tip.setLatLng(event.latlng).setContent(gis.tipOf(state, top)));
      });
    });
    map.on("mouseout movestart", () => map.closeTooltip(tip));
    map.on("click", (event) => gis.openPopup(state, painter.at(event.layerPoint), event.latlng));
    map.getContainer().addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== map.getContainer()) return;
      const centre = map.getCenter();
      gis.openPopup(state, painter.at(map.latLngToLayerPoint(centre)), centre);
    });
  };
})();
