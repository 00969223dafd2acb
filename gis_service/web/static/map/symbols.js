// How features look. A symbol's shape tells its layer, its colour (hue and lightness) the term; a white halo lifts it.
"use strict";

(() => {
  // radii that give every shape the same weight to the eye
  const WEIGHT = { circle: 1, square: 0.9, diamond: 1.22, triangle: 1.28 };

  function trace(ctx, shape, x, y, radius) {
    const r = radius * (WEIGHT[shape] || 1);
    ctx.beginPath();
    if (shape === "square") ctx.rect(x - r, y - r, 2 * r, 2 * r);
    else if (shape === "diamond") polygon(ctx, [[x, y - r], [x + r, y], [x, y + r], [x - r, y]]);
    else if (shape === "triangle") polygon(ctx, [[x, y - r], [x + 0.94 * r, y + 0.72 * r], [x - 0.94 * r, y + 0.72 * r]]);
    else ctx.arc(x, y, r, 0, 2 * Math.PI);
  }

  function polygon(ctx, points) {
    points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    ctx.closePath();
  }

  /** Mix a hex colour with another; share 0 is the first. */
  function mix(colour, other, share) {
    const [a, b] = [colour, other].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
    return `#${a.map((v, i) => Math.round(v + (b[i] - v) * share).toString(16).padStart(2, "0")).join("")}`;
  }

  const darker = (colour) => mix(colour, "#14202b", 0.45);
  const paler = (colour, share = 0.7) => mix(colour, "#ffffff", share);

  function luminance(colour) {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  /** Draw one point symbol with its centre at x, y. `hollow` says that too little is known to fill it. */
  function point(ctx, { shape, colour, radius, hollow = false, text = "" }, x, y) {
    if (radius < 2.2) {
      trace(ctx, shape, x, y, Math.max(radius, 1));
      ctx.fillStyle = colour;
      ctx.fill();
      return;
    }
    trace(ctx, shape, x, y, radius);
    ctx.lineJoin = "round";
    ctx.strokeStyle = "rgba(255,255,255,.92)";
    ctx.lineWidth = radius < 4 ? 2.4 : 3.6;
    ctx.stroke();
    ctx.fillStyle = hollow ? "#ffffff" : colour;
    ctx.fill();
    ctx.strokeStyle = hollow ? colour : darker(colour);
    ctx.lineWidth = hollow ? Math.max(1.6, radius / 3.4) : radius < 4 ? 0.6 : 1;
    ctx.stroke();
    if (text) {
      ctx.fillStyle = !hollow && luminance(colour) < 0.52 ? "#ffffff" : "#14202b";
      ctx.font = `600 ${Math.round(radius * (text.length > 2 ? 0.85 : 1.05))}px ${gis.FONT}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(text, x, y + (shape === "triangle" ? radius * 0.12 : 0.5));
    }
  }

  /** Draw legend and table swatches: small canvases that use the same drawing as the map. */
  function swatch(canvas, style, width = 20, height = 16) {
    const ratio = Math.max(2, window.devicePixelRatio || 1);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const ctx = canvas.getContext("2d"), x = width / 2, y = height / 2;
    ctx.scale(ratio, ratio);
    if (style.shape === "line") line(ctx, style, [[1, y + 3], [x - 2, y - 2], [x + 2, y + 2], [width - 1, y - 3]]);
    else if (style.shape === "area") {
      ctx.fillStyle = style.fill || paler(style.colour, 0.55);
      ctx.fillRect(2, 2, width - 4, height - 4);
      ctx.strokeStyle = style.colour;
      ctx.lineWidth = style.width || 1;
      ctx.setLineDash(style.dash || []);
      ctx.strokeRect(2, 2, width - 4, height - 4);
    } else point(ctx, { ...style, radius: Math.min(style.radius || 5, 6) }, x, y);
  }

  function line(ctx, { colour, width = 2.5 }, points) {
    ctx.beginPath();
    points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    ctx.lineCap = ctx.lineJoin = "round";
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.stroke();
  }

  Object.assign(gis, {
    FONT: '"PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Source Han Sans SC",system-ui,sans-serif',
    SERIF: '"Source Han Serif SC","Noto Serif CJK SC","Songti SC",SimSun,Georgia,serif',
    symbols: { point, swatch, mix, darker, paler, luminance },
  });
})();
