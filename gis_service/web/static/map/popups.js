// What a click opens: a feature's fields with their labels, its score with its trace. All of it is put in as text.
"use strict";

(() => {
  const { element, t } = gis;
  const UNKNOWN = "未知";

  gis.termOf = (layer, properties) => (layer.field ? properties[layer.field] ?? UNKNOWN : "");
  gis.colourOf = (layer, properties) => (layer.terms[gis.termOf(layer, properties)] || { colour: "#8a8f98" }).colour;
  gis.nameOf = ({ properties }) => properties.name || properties.code || t("无名称", "unnamed");

  gis.tipOf = (state, { layer, feature }) => {
    if (feature.counted) {
      const [what, terms] = gis.cellWords(layer, feature);
      return element("span", {}, what, element("small", {}, terms));
    }
    const term = layer.terms[gis.termOf(layer, feature.properties)];
    return element("span", {}, gis.nameOf(feature), element("small", {}, [layer.title, term && term.label].filter(Boolean).join(" · ")));
  };

  /** Write a field's value as people read it: the term's label, the number with its unit, the area's name. */
  gis.valueOf = (state, field, value) => {
    if (value === null || value === undefined || value === "") return null;
    if (field.terms && field.terms[value]) return field.terms[value];
    if (field.kind === "flag") return value ? t("是", "yes") : t("否", "no");
    if (field.references && state.areas.has(value)) return state.areas.get(value);
    if (field.kind === "money") return money(Number(value));
    if (field.kind === "number") return field.unit ? `${gis.number(value)} ${unitOf(field.unit)}` : String(value); // a year has no comma
    return String(value);
  };

  /** Write 万元 as a Chinese or an English reader counts money. */
  function money(value) {
    if (gis.language === "en") return `${gis.number(value / 100)} million yuan`;
    return Math.abs(value) >= 10000 ? `${gis.number(value / 10000)} 亿元` : `${gis.number(value)} 万元`;
  }

  /** A popup that grows while it is read: the focus, the scrolling and a click in that moment stay where they are. */
  const Card = L.Popup.extend({
    _updateContent() { // Leaflet would take the content out and put it in anew
      if (!this._contentNode.contains(this._content)) L.Popup.prototype._updateContent.call(this);
    },
    _updateLayout() { // Leaflet measures it at its full height
      const { scrollTop } = this._contentNode;
      L.Popup.prototype._updateLayout.call(this);
      this._contentNode.scrollTop = scrollTop;
    },
  });

  const unitOf = (unit) => (gis.language === "zh" ? unit : { 人: "people", 瓶: "cylinders" }[unit] || unit);

  /** Open what was hit; where several things lie on each other, the reader pages through them. */
  gis.openPopup = (state, hits, latlng) => {
    const shown = hits.some(({ layer }) => !layer.quiet) ? hits.filter(({ layer }) => !layer.quiet) : hits.slice(0, 1);
    if (!shown.length) return;
    if (shown[0].feature.counted) {
      gis.splitCell(state, shown[0].layer, shown[0].feature);
      return;
    }
    state.map.closePopup(); // before the next is chosen, so that closing does not unchoose it
    if (shown[0].layer.onopen && shown[0].layer.onopen(shown[0].feature)) return;
    const box = element("div", { class: "record" });
    const settle = () => popup.isOpen() && popup.update();
    const show = (index, label) => {
      const { layer, feature } = shown[index];
      box.replaceChildren(...pager(shown.length, index, show), ...card(state, layer, feature, settle));
      if (label) box.querySelector(`.pager [aria-label="${label}"]`).focus();
      settle();
    };
    const popup = new Card({ maxWidth: 340, minWidth: 240, maxHeight: Math.max(200, state.map.getSize().y - 120), autoPanPadding: [24, 24] });
    show(0);
    popup.setLatLng(latlng).setContent(box).openOn(state.map);
    const close = popup.getElement().querySelector(".leaflet-popup-close-button");
    close.setAttribute("aria-label", t("关闭", "Close"));
  };

  function pager(count, index, show) {
    if (count < 2) return [];
    const turn = (to, label, sign) => element("button", { type: "button", "aria-label": label, onclick: () => show((to + count) % count, label) }, sign);
    return [element("p", { class: "pager" }, turn(index - 1, t("上一个", "Previous"), "‹"),
      t(`此处 ${count} 个 · ${index + 1}`, `${index + 1} of ${count} here`), turn(index + 1, t("下一个", "Next"), "›"))];
  }

  function card(state, layer, feature, settle) {
    const { properties } = feature, body = element("div", { class: "fields" });
    const parts = [
      element("h3", {}, gis.nameOf(feature)),
      element("p", { class: "kind" }, `${layer.title} · ${properties.code ?? ""}`),
      layer.trace ? scoreLine(layer, properties) : termLine(layer, properties),
      layer.bar && properties[layer.bar] !== null && properties[layer.bar] !== undefined ? progress(layer, properties[layer.bar]) : null,
      body,
      links(state, layer, properties),
    ];
    fill(state, layer, properties, body, settle);
    return parts.filter(Boolean);
  }

  function termLine(layer, properties) {
    const term = layer.terms[gis.termOf(layer, properties)];
    if (!term) return null;
    const mark = element("canvas", { class: "swatch" });
    gis.symbols.swatch(mark, { shape: layer.shape, colour: term.colour });
    return element("p", { class: "term" }, mark, term.label);
  }

  function scoreLine(layer, properties) {
    const term = layer.terms[properties.level];
    if (!term || properties.score === undefined) return null;
    const chip = element("span", { class: "level", "data-level": properties.level }, term.label);
    const known = properties.completeness;
    const rest = ` ${gis.number(properties.score, 1)} / 25` + (known === undefined ? "" : t(` · 资料完整度 ${Math.round(known * 100)}%`, ` · ${Math.round(known * 100)}% known`));
    return element("p", { class: "term" }, chip, rest);
  }

  function progress(layer, value) {
    const label = layer.fields.find((field) => field.name === layer.bar).label;
    return element("div", { class: "share" }, element("p", {}, element("span", {}, label), " ", element("strong", {}, `${gis.number(value, 1)}%`)),
      element("meter", { min: 0, max: 100, value, "aria-label": label }));
  }

  /** Fill in the fields: at once where the feature has them, else (a tile's) from its record. */
  function fill(state, layer, properties, body, settle) {
    const { root } = state.options, code = encodeURIComponent(properties.code ?? "");
    const whole = layer.fields.some((field) => field.name in properties && field.name !== layer.field && field.name !== "area_code");
    if (layer.hit) body.append(whereabouts(properties));
    if (layer.trace && root !== null) body.append(later(gis.onDay(`${root}/api/risk/${layer.name}/${code}?lang=${gis.language}`), (found) => gis.traceOf(found, layer), settle));
    const rest = whole || root === null ? list(state, layer, properties)
      : later(gis.onDay(`${root}/api/layers/${layer.name}/features/${code}`), (record) => list(state, layer, record.properties), settle);
    body.append(layer.trace ? element("details", { ontoggle: settle }, element("summary", {}, t("台账字段", "All fields")), rest) : rest);
    if (root !== null) body.append(gis.photosOf(root, layer.name, code, settle), gis.recordsOf(state, layer.name, properties.code ?? "", settle), gis.historyOf(root, layer.name, code, settle));
  }

  /** A place that says that it loads, and then holds what was made of the answer. */
  function later(url, make, settle) {
    const place = element("div", { "aria-busy": "true" }, element("p", { class: "note" }, t("正在读取…", "Loading…")));
    gis.getJson(url)
      .then((body) => place.replaceChildren(make(body)))
      .catch((error) => place.replaceChildren(element("p", { class: "note", role: "alert" }, error.message)))
      .finally(() => {
        place.removeAttribute("aria-busy");
        settle();
      });
    return place;
  }

  function list(state, layer, properties) {
    const rows = layer.fields.filter((field) => field.name !== layer.bar && (layer.trace || field.name !== layer.field || !layer.terms[properties[field.name]]))
      .map((field) => [field.label, gis.valueOf(state, field, properties[field.name]), properties[field.name] === UNKNOWN])
      .filter(([, value]) => value !== null);
    return element("dl", {}, ...rows.flatMap(([label, value, unknown]) => [element("dt", {}, label), element("dd", { class: unknown ? "unknown" : null }, value)]));
  }

  const SIDES = { left: () => t("左岸", "left"), right: () => t("右岸", "right"), on: () => t("线上", "on it") };
  const REASONS = {
    within: () => t("距离内", "within reach"),
    reference: () => t("记录指明此线", "names the line"),
    subject: () => t("对象即此线", "is its hazard"),
    subject_reference: () => t("对象在此线上", "its subject names the line"),
  };
  gis.sideOf = (side) => (SIDES[side] ? SIDES[side]() : side || "");
  gis.reasonsOf = (why) => [].concat(why || []).map((reason) => (REASONS[reason] ? REASONS[reason]() : reason)).join(t("、", "; "));

  function whereabouts(properties) {
    const rows = [[t("桩号", "Chainage"), properties.chainage], [t("岸别", "Side"), gis.sideOf(properties.side)],
      [t("距离", "Distance"), gis.metres(properties.distance_m)], [t("匹配原因", "Why"), gis.reasonsOf(properties.why)]];
    return element("dl", { class: "where" }, ...rows.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]));
  }

  function links(state, layer, properties) {
    const { root, map } = state.options;
    if (root === null) return null;
    const code = encodeURIComponent(properties.code ?? ""), out = [];
    for (const { label, href } of layer.links || []) out.push(element("a", { href: root + href.replace("{code}", code) }, label));
    if (layer.isLedger) out.push(element("a", { href: gis.onDay(`${root}/hazards/${code}?lang=${gis.language}`) }, t("台账与办理", "Ledger and steps")));
    if (layer.isArea) out.push(element("a", { href: `${root}/maps/${map}?lang=${gis.language}&area=${code}` }, t("只看此区域", "Only this area")));
    out.push(element("a", { href: `${root}/api/layers/${layer.name}/features/${code}` }, t("记录 (JSON)", "Record (JSON)")));
    if (layer.trace) out.push(element("a", { href: `${root}/api/risk/${layer.name}/${code}` }, t("评分依据 (JSON)", "Trace (JSON)")));
    return element("p", { class: "links" }, ...out);
  }
})();
