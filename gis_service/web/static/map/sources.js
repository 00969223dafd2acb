// Where features come from: one GeoJSON document, or vector tiles for the part in view. Both give the same features,
// with coordinates in the unit square of web Mercator, so that drawing is one multiplication and never a projection.
"use strict";

(() => {
  const POINT = 1, LINE = 2, AREA = 3, DEEPEST = 17, KEPT = 160;

  const unitX = (lon) => (lon + 180) / 360;
  function unitY(lat) {
    const sine = Math.sin((lat * Math.PI) / 180);
    return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
  }
  const longitude = (x) => x * 360 - 180;
  const latitude = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;

  /** Make a feature: kind, its points, lines or rings as flat arrays of x, y, and the box around them. */
  function feature(kind, parts, properties, clip = null) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const part of parts) {
      for (let i = 0; i < part.length; i += 2) {
        if (part[i] < box[0]) box[0] = part[i];
        if (part[i] > box[2]) box[2] = part[i];
        if (part[i + 1] < box[1]) box[1] = part[i + 1];
        if (part[i + 1] > box[3]) box[3] = part[i + 1];
      }
    }
    return { kind, parts, properties, box, clip, code: String(properties.code ?? "") };
  }

  const flat = (coordinates) => {
    const out = new Float64Array(coordinates.length * 2);
    coordinates.forEach(([lon, lat], i) => { out[2 * i] = unitX(lon); out[2 * i + 1] = unitY(lat); });
    return out;
  };

  const READ = {
    Point: (c) => [POINT, [flat([c])]],
    MultiPoint: (c) => [POINT, [flat(c)]],
    LineString: (c) => [LINE, [flat(c)]],
    MultiLineString: (c) => [LINE, c.map(flat)],
    Polygon: (c) => [AREA, c.map(flat)],
    MultiPolygon: (c) => [AREA, c.flat().map(flat)],
  };

  function fromGeoJson(collection) {
    const out = [];
    for (const { geometry, properties, id } of collection.features || []) {
      const read = geometry && READ[geometry.type];
      if (read) out.push(feature(...read(geometry.coordinates), { code: id, ...properties }));
    }
    return out;
  }

  /** A whole layer, by one request or out of the page. */
  class Document {
    constructor(state, { url, features }) {
      this.state = state;
      this.list = [];
      this.ready = this.load(url, features);
    }

    async load(url, features) {
      gis.busy(this.state, 1);
      try {
        this.document = features || (url ? await gis.getJson(url) : { features: [] });
        this.list = fromGeoJson(this.document);
      } catch (error) {
        gis.notice(this.state, gis.t(`数据未能载入: ${error.message}`, `Data could not be loaded: ${error.message}`));
      }
      gis.busy(this.state, -1);
      this.state.painter.redraw();
      return this.list;
    }

    inView() { return this.list; }
  }

  /** The tiles of the part in view; while they load, those of the zooms before stand in for them. */
  class Tiles {
    constructor(state, { tiles }, name) {
      Object.assign(this, { state, template: tiles, name, cache: new Map(), failed: false });
      this.ready = new Promise((resolve) => { this.resolve = resolve; });
    }

    inView(box, zoom) {
      // one zoom lower: a quarter of the requests, and their grid is still finer than the screen's
      const z = Math.max(0, Math.min(DEEPEST, Math.floor(zoom) - 1)), n = 2 ** z, seen = new Set(), out = [];
      for (let x = Math.floor(box[0] * n); x <= Math.floor(box[2] * n); x++) {
        for (let y = Math.floor(box[1] * n); y <= Math.floor(box[3] * n); y++) {
          if (x >= 0 && y >= 0 && x < n && y < n) this.collect(z, x, y, seen, out);
        }
      }
      return out;
    }

    collect(z, x, y, seen, out) {
      const key = `${z}/${x}/${y}`;
      let tile = this.cache.get(key);
      if (!tile) this.cache.set(key, (tile = this.request(z, x, y)));
      this.cache.delete(key);
      this.cache.set(key, tile); // the most recently used stay
      for (let up = 1; !tile.list && up <= 4 && up <= z; up++) {
        tile = this.cache.get(`${z - up}/${x >> up}/${y >> up}`) || tile;
      }
      if (!tile.list) return;
      const standsIn = tile !== this.cache.get(key), told = seen.has(tile);
      seen.add(tile);
      for (const item of tile.list) {
        if (item.counted) {
          // of a tile that stands in for this one only what this one will count
          if (!standsIn || holds(z, x, y, item.parts[0])) out.push(item);
          continue;
        }
        if (told) continue;
        if (item.kind === POINT) {
          if (item.code && seen.has(item.code)) continue; // a point in two tiles' margins is one point
          seen.add(item.code);
        }
        out.push(item);
      }
    }

    request(z, x, y) {
      const tile = { list: null };
      const url = this.template.replace("{z}", z).replace("{x}", x).replace("{y}", y);
      gis.busy(this.state, 1);
      fetch(url)
        .then((response) => {
          if (!response.ok) throw new Error(`HTTP ${response.status}`);
          return response.status === 204 ? new ArrayBuffer(0) : response.arrayBuffer();
        })
        .then((bytes) => { tile.list = decode(new Uint8Array(bytes), this.name, z, x, y); })
        .catch((error) => {
          tile.list = [];
          if (!this.failed) gis.notice(this.state, gis.t(`瓦片未能载入: ${error.message}`, `Tiles could not be loaded: ${error.message}`));
          this.failed = true;
        })
        .finally(() => {
          gis.busy(this.state, -1);
          this.resolve([]);
          for (const key of this.cache.keys()) { if (this.cache.size <= KEPT) break; this.cache.delete(key); }
          this.state.painter.redraw();
        });
      return tile;
    }
  }

  const holds = (z, x, y, point) => Math.floor(point[0] * 2 ** z) === x && Math.floor(point[1] * 2 ** z) === y;

  /** Read one layer of a Mapbox Vector Tile (specification 2.1, sections 4.1 to 4.4). */
  function decode(bytes, name, z, x, y) {
    const pbf = new Pbf.PbfReader(bytes), n = 2 ** z, out = [];
    pbf.readFields((tag, _, reader) => {
      if (tag !== 3) return;
      const layer = { name: "", extent: 4096, keys: [], values: [], features: [] };
      reader.readMessage(readLayer, layer);
      if (layer.name !== name) return;
      const unit = 1 / (n * layer.extent), clip = [x / n, y / n, (x + 1) / n, (y + 1) / n];
      for (const { type, tags, geometry } of layer.features) {
        const properties = {};
        for (let i = 0; i < tags.length; i += 2) properties[layer.keys[tags[i]]] = layer.values[tags[i + 1]];
        const parts = commands(geometry, unit, clip[0], clip[1], type === AREA);
        const counted = type === POINT && properties.count !== undefined && properties.code === undefined;
        if (counted) out.push({ ...feature(POINT, [parts[0]], properties), counted });
        else if (type === POINT) for (const part of parts) out.push(feature(POINT, [part], properties));
        else if (parts.length) out.push(feature(type, parts, properties, clip));
      }
    }, null);
    return out;
  }

  function readLayer(tag, layer, pbf) {
    if (tag === 1) layer.name = pbf.readString();
    else if (tag === 2) {
      const item = { type: 0, tags: [], geometry: [] };
      pbf.readMessage((field, made, reader) => {
        if (field === 2) reader.readPackedVarint(made.tags);
        else if (field === 3) made.type = reader.readVarint();
        else if (field === 4) reader.readPackedVarint(made.geometry);
      }, item);
      layer.features.push(item);
    } else if (tag === 3) layer.keys.push(pbf.readString());
    else if (tag === 4) layer.values.push(pbf.readMessage(readValue, { value: null }).value);
    else if (tag === 5) layer.extent = pbf.readVarint();
  }

  function readValue(tag, holder, pbf) {
    const read = [null, "readString", "readFloat", "readDouble", "readVarint", "readVarint", "readSVarint", "readBoolean"][tag];
    if (read) holder.value = pbf[read]();
  }

  function commands(codes, unit, left, top, closed) {
    const parts = [];
    let part = [], px = 0, py = 0, i = 0;
    while (i < codes.length) {
      const command = codes[i] & 7, count = codes[i++] >> 3;
      if (command === 7) { if (closed && part.length) part.push(part[0], part[1]); continue; }
      for (let k = 0; k < count; k++) {
        if (command === 1) { if (part.length) parts.push(part); part = []; }
        px += (codes[i] >> 1) ^ -(codes[i++] & 1);
        py += (codes[i] >> 1) ^ -(codes[i++] & 1);
        part.push(left + px * unit, top + py * unit);
      }
    }
    if (part.length) parts.push(part);
    return parts;
  }

  Object.assign(gis, {
    POINT, LINE, AREA, unitX, unitY, longitude, latitude, fromGeoJson, decodeTile: decode,
    open: (state, source, name) => (source.tiles ? new Tiles(state, source, name) : new Document(state, source)),
  });
})();
