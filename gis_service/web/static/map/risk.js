// Risk: the areas' ranking, and a score opened to its trace.
"use strict";

(() => {
  const { element, t } = gis;

  /** The areas' ranking: bars of the counts per level, and a click goes to the area. */
  gis.areaRisk = (map) => {
    for (const bar of document.querySelectorAll(".bar[data-counts]")) {
      const counts = JSON.parse(bar.dataset.counts), total = Object.values(counts).reduce((a, b) => a + b, 0);
      for (const level of ["红", "橙", "黄", "蓝"]) {
        const count = counts[level];
        if (!count) continue;
        const piece = element("i", { "data-level": level, title: `${level} ${count}` });
        piece.style.flexGrow = count;
        bar.append(piece);
      }
      bar.setAttribute("role", "img");
      bar.setAttribute("aria-label", Object.entries(counts).map(([level, count]) => `${level} ${count}`).join(", ") + ` / ${total}`);
    }
    for (const row of document.querySelectorAll("tr[data-area]")) {
      gis.activate(row, () => {
        const area = map.gis.ground.source.list.find((feature) => feature.code === row.dataset.area);
        if (area) map.fitBounds(gis.boundsOf(area), { padding: [30, 30], maxZoom: 15 });
      });
    }
  };

  /** A score's trace: each factor with what was read, its score, weight and part; the arithmetic; the rules that fired. */
  gis.traceOf = ({ trace, score, level, note }, layer) => {
    const missing = t("缺, 取中值", "unknown, taken as middling");
    const rows = trace.factors.map((f) => element("tr", {},
      element("th", { scope: "row" }, f.label, f.assumed ? element("em", {}, missing) : null),
      element("td", {}, readingOf(f, layer)), ...[f.score, f.weight, f.contribution].map((v) => element("td", { class: "number" }, gis.number(v)))));
    const heads = [t("因素", "Factor"), t("依据", "Read from"), t("评分", "Score"), t("权重", "Weight"), t("贡献", "Part")];
    const parts = trace.severity_parts.map((part) => `${part.label} ${part.value === null ? t("缺", "unknown") : gis.number(part.value)}`);
    const severity = trace.severity_assumed ? missing : parts.join(t("、", ", "));
    const sums = [
      [t("可能性", "Likelihood"), gis.number(trace.likelihood)],
      [t("管控系数", "Control"), `× ${gis.number(trace.control.multiplier)} → ${gis.number(trace.controlled_likelihood)}`],
      [t("严重性 (取最大)", "Severity (the greatest)"), `${gis.number(trace.severity)}${severity ? ` (${severity})` : ""}`],
      [t("得分", "Score"), `${gis.number(trace.controlled_likelihood)} × ${gis.number(trace.severity)} = ${gis.number(score, 1)}`],
    ];
    const rules = trace.rules.map((rule) => element("li", {}, t(`${rule.label}: 不低于 ${rule.at_least}`, `${rule.label}: at least ${layer.terms[rule.at_least].label}`)));
    return element("div", { class: "trace" },
      element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((h) => element("th", { scope: "col" }, h)))), element("tbody", {}, ...rows)),
      element("dl", {}, ...sums.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)])),
      rules.length ? element("ul", { class: "rules" }, ...rules) : null, element("p", { class: "note" }, note));
  };

  /** What a factor was read from: its fields' values with their units, or the open hazards. */
  function readingOf(factor, layer) {
    if (factor.records) return factor.records.length ? t(`未销号隐患 ${factor.records.length} 处`, `${factor.records.length} open hazards`) : t("无未销号隐患", "no open hazard");
    const read = factor.fields.filter((f) => f.value !== null).map((f) => {
      const declared = layer.fields.find((one) => one.name === f.field);
      return declared ? gis.valueOf({ areas: new Map() }, declared, f.value) : String(f.value);
    });
    return read.join(" / ") || "–";
  }
})();
