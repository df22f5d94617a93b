"use strict";
// Elements, numbers, scales, and the one kind of figure: marks over two axes, with a tip.

const make = (name, attributes, ...children) =>
  filled(document.createElement(name), attributes, children);
const draw = (name, attributes, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const whole = (value) => Math.round(value).toLocaleString("en-US");
const short = (value, digits = 3) => String(Number(value.toPrecision(digits)));
const percent = (share) => `${short(100 * share)}%`;
const brief = (text, length = 22) =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;
const sum = (values) => values.reduce((total, value) => total + value, 0);

const widthOf = (figure) => Math.max(240, figure.clientWidth);

function scale([low, high], [from, to], log) {
  const map = log ? Math.log10 : (value) => value;
  const span = map(high) - map(low) || 1;
  const inside = (value) => (log ? Math.max(value, low) : value);
  return {
    at: (value) => from + ((to - from) * (map(inside(value)) - map(low))) / span,
    back(pixel) {
      const value = map(low) + ((pixel - from) / (to - from)) * span;
      return log ? 10 ** value : value;
    },
    ticks: log ? decades(low, high) : steps(low, high),
  };
}

function steps(low, high) {
  const rough = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function decades(low, high) {
  const factors = high / low < 50 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of factors) {
      const value = Number(`${factor}e${power}`);
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found;
}

/* Draws into a figure: `x` and `y` are {domain, log, label, format, ticks}, `marks(layer, x, y)`
   draws what there is to see, `tip(x value)` gives the lines [class, text] of the tip. */
function plot(figure, { x, y, marks, tip, left = 48, ratio = 0.68, limit = 380 }) {
  figure.querySelectorAll("svg.axes, .tip").forEach((old) => old.remove());
  const width = widthOf(figure);
  const height = Math.round(Math.min(limit, ratio * width));
  const right = width - 20, top = 12, bottom = height - (x.label ? 40 : 24);
  const across = scale(x.domain, [left, right], x.log);
  const up = scale(y.domain, [bottom, top], y.log);
  const picture = draw("svg", {
    class: "axes", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": figure.querySelector("figcaption")?.firstChild.textContent ?? "Embedding",
  });
  const id = `clip-${figure.id}`;
  picture.append(draw("clipPath", { id }, draw("rect", {
    x: left - 9, y: top - 9, width: right - left + 18, height: bottom - top + 18,
  })));
  const labels = draw("g", { class: "labels" });
  thin(x.ticks ?? across.ticks, (right - left) / 52).forEach((value) => {
    const at = across.at(value);
    picture.append(draw("path", { class: "grid", d: `M${at} ${top}V${bottom}` }));
    const place = { x: at, y: bottom + 16, "text-anchor": "middle" };
    labels.append(draw("text", place, x.format(value)));
  });
  (y.ticks ?? up.ticks).forEach((value) => {
    const at = up.at(value);
    picture.append(draw("path", { class: "grid", d: `M${left} ${at}H${right}` }));
    labels.append(draw("text", { x: left - 7, y: at + 4, "text-anchor": "end" }, y.format(value)));
  });
  if (x.label) {
    const place = { class: "axis", x: (left + right) / 2, y: height - 5, "text-anchor": "middle" };
    labels.append(draw("text", place, x.label));
  }
  const layer = draw("g", { "clip-path": `url(#${id})` });
  picture.append(labels, layer);
  marks(layer, across, up);
  figure.append(picture);
  if (tip) follow(figure, picture, { across, left, right, top, bottom, tip });
}

const thin = (ticks, most) => {
  const every = Math.ceil(ticks.length / Math.max(2, most));
  return ticks.filter((_, i) => i % every === 0);
};

function follow(figure, picture, { across, left, right, top, bottom, tip }) {
  const box = make("div", { class: "tip", hidden: "" });
  const rule = draw("path", { class: "rule", visibility: "hidden" });
  picture.append(rule);
  figure.append(box);
  const hide = () => {
    box.hidden = true;
    rule.setAttribute("visibility", "hidden");
  };
  picture.addEventListener("pointerleave", hide);
  picture.addEventListener("pointermove", (event) => {
    const frame = picture.getBoundingClientRect();
    const pixel = ((event.clientX - frame.left) / frame.width) * picture.viewBox.baseVal.width;
    if (pixel < left || pixel > right) return hide();
    const lines = tip(across.back(pixel)).map(([kind, text]) => make("div", { class: kind }, text));
    box.replaceChildren(...lines);
    box.hidden = false;
    rule.setAttribute("visibility", "visible");
    rule.setAttribute("d", `M${pixel} ${top}V${bottom}`);
    const space = figure.clientWidth - box.offsetWidth;
    const offset = pixel + 14 > space ? pixel - 14 - box.offsetWidth : pixel + 14;
    box.style.left = `${Math.max(0, Math.min(space, offset))}px`;
    box.style.top = `${frame.top - figure.getBoundingClientRect().top + top}px`;
  });
}

function line(points, x, y, kind) {
  const places = points.map(([a, b]) => `${x.at(a).toFixed(1)} ${y.at(b).toFixed(1)}`);
  return draw("path", { class: `line ${kind}`, d: `M${places.join("L")}` });
}
