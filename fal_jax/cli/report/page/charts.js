// The figures. `data` is what Python measured, `state` what the reader chose.

const data = JSON.parse(document.getElementById("data").textContent);
const total = data.views[0][0].alarms.at(-1);
const rarest = data.views[0].reduce((best, view, i, views) =>
  view.hits.at(-1) > 0 && view.hits.at(-1) < (views[best].hits.at(-1) || Infinity) ? i : best, 0);
const state = { method: 0, view: rarest, budget: Math.max(1, Math.round(total / 100)), logs: {} };
const byId = (id) => document.getElementById(id);
const viewOf = (method) => data.views[method][state.view];
const positives = () => viewOf(0).hits.at(-1);
const kindOf = (method) =>
  `s${method % 7} c${Math.floor(method / 7) % 3}${method === state.method ? " chosen" : ""}`;
const positiveName = () => data.classes[data.shown[state.view]];

// The value of a rising curve at a place between its points.
function read(places, values, place) {
  let low = 0, high = places.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (places[middle] <= place) low = middle;
    else high = middle;
  }
  const width = places[high] - places[low];
  const share = width > 0 ? Math.min(1, (place - places[low]) / width) : 1;
  return values[low] + share * (values[high] - values[low]);
}

const hitsAt = (method, alarms) => read(viewOf(method).alarms, viewOf(method).hits, alarms);

// From 1 to a number in even factors, for lines that bend on a logarithmic axis.
const powers = (last) => Array.from({ length: 61 }, (_, i) => last ** (i / 60));

// The points of a curve, [alarms, hits], dense enough for any axis.
function pointsOf(view) {
  if (view.points) return view.points;
  const between = powers(total).map((alarms) => [alarms, read(view.alarms, view.hits, alarms)]);
  const corners = view.alarms.map((alarms, i) => [alarms, view.hits[i]]);
  view.points = [...corners, ...between].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return view.points;
}

// One line a method: `place(alarms, hits)` puts a point, `at(method, x)` reads a line for the tip.
function lines(figure, { x, y, place, area, at, first }) {
  const order = [...data.methods.keys()].sort(
    (a, b) => (a === state.method) - (b === state.method));
  plot(figure, {
    x, y,
    marks(layer, across, up) {
      first(layer, across, up);
      for (const method of order) {
        const points = pointsOf(viewOf(method)).filter(([alarms]) => alarms > 0);
        layer.append(line(points.map((point) => place(...point)), across, up, kindOf(method)));
      }
    },
    tip: (value) => [["where", `${x.label} ${x.format(value)}`], ...data.methods
      .map((name, method) => [at(method, value), `series ${kindOf(method)}`, name])
      .sort((a, b) => b[0] - a[0])
      .map(([share, kind, name]) => [kind, `${percent(share)} ${brief(name)}`])],
  });
  legend(figure, area);
}

function legend(figure, area) {
  const old = figure.querySelector(".legend");
  const focused = [...(old?.children ?? [])].indexOf(document.activeElement);
  const entries = data.methods.map((name, method) => make("button", {
    type: "button", title: name, "aria-pressed": method === state.method,
    onclick: () => choose({ method }),
  }, swatch(`line ${kindOf(method)}`, "M1 4H21"), brief(name),
  ...(area ? [make("b", {}, area(viewOf(method)).toFixed(3))] : [])));
  old?.remove();
  figure.querySelector("figcaption").after(make("div", { class: "legend" }, ...entries));
  entries[focused]?.focus();
}

function swatch(kind, d) {
  const frame = { class: "swatch", viewBox: "0 0 22 8", "aria-hidden": true };
  return draw("svg", frame, draw("path", { class: kind, d }));
}

// Whether a figure's axis is logarithmic; its switch is made the first time.
function isLog(figure, standard) {
  if (!(figure.id in state.logs)) {
    state.logs[figure.id] = standard;
    const box = make("input", { type: "checkbox" });
    box.checked = standard;
    box.addEventListener("change", () => {
      state.logs[figure.id] = box.checked;
      drawAll();
    });
    figure.querySelector("figcaption").append(make("label", { class: "log" }, box, "log scale"));
  }
  return state.logs[figure.id];
}

function drawFound() {
  const figure = byId("found"), log = isLog(figure, true), found = positives();
  const perfect = [...powers(found).map((alarms) => [alarms, alarms / found]), [total, 1]];
  lines(figure, {
    x: { domain: [log ? 1 : 0, total], log, label: "alarms", format: whole },
    y: { domain: [0, 1], format: percent },
    place: (alarms, hits) => [alarms, hits / found],
    at: (method, alarms) => hitsAt(method, alarms) / found,
    first(layer, x, y) {
      const lucky = powers(total).map((alarms) => [alarms, alarms / total]);
      layer.append(line(perfect, x, y, "guide"), line(lucky, x, y, "guide"));
      const budget = `M${x.at(state.budget)} ${y.at(0)}V${y.at(1)}`;
      layer.append(draw("path", { class: "rule", d: budget }));
    },
  });
}

function drawRoc() {
  const figure = byId("roc"), found = positives(), others = total - found;
  const log = isLog(figure, found < 0.05 * total);
  lines(figure, {
    x: { domain: [log ? 1 / others : 0, 1], log, label: "false alarm rate", format: percent },
    y: { domain: [0, 1], format: percent },
    place: (alarms, hits) => [(alarms - hits) / others, hits / found],
    area: (view) => view.roc_auc,
    at(method, rate) {
      const { alarms, hits } = viewOf(method);
      return read(alarms.map((a, i) => (a - hits[i]) / others), hits, rate) / found;
    },
    first(layer, x, y) {
      const lucky = powers(others).map((alarms) => [alarms / others, alarms / others]);
      layer.append(line(lucky, x, y, "guide"));
    },
  });
}

function drawPrecision() {
  const figure = byId("pr"), found = positives();
  const log = isLog(figure, false), share = found / total;
  lines(figure, {
    x: { domain: [0, 1], label: "share found", format: percent },
    y: { domain: [log ? share / 1.5 : 0, 1], log, format: percent },
    place: (alarms, hits) => [hits / found, hits / alarms],
    area: (view) => view.average_precision,
    at(method, recall) {
      const points = pointsOf(viewOf(method));
      const [alarms, hits] = points.find((point) => point[0] > 0 && point[1] >= recall * found);
      return hits / alarms;
    },
    first: (layer, x, y) => layer.append(line([[0, share], [1, share]], x, y, "guide")),
  });
}

function drawFolds() {
  const values = data.folds.flat().filter((value) => value !== null);
  if (!values.length) return byId("folds").remove();
  const low = Math.min(...values), high = Math.max(...values), room = 0.06 * (high - low) || 0.01;
  const longest = Math.max(...data.methods.map((name) => brief(name).length));
  plot(byId("folds"), {
    left: Math.min(190, 20 + 7 * longest), ratio: 9, limit: 46 + 26 * data.methods.length,
    x: { domain: [low - room, high + room], label: data.metric, format: (v) => short(v) },
    y: {
      domain: [data.methods.length - 0.4, -0.6], ticks: [...data.methods.keys()],
      format: (method) => brief(data.methods[method]),
    },
    marks: (layer, x, y) => data.folds.forEach((folds, method) => {
      const known = folds.filter((value) => value !== null);
      const kind = kindOf(method), cy = y.at(method);
      for (const value of known) {
        layer.append(draw("circle", { class: `dot ${kind}`, cx: x.at(value), cy, r: 4 }));
      }
      const d = `M${x.at(sum(known) / known.length)} ${cy - 9}v18`;
      if (known.length) layer.append(draw("path", { class: `mean ${kind}`, d }));
    }),
  });
}

function drawReliability() {
  const isTiers = document.querySelector("[name=bins]:checked").value === "tiers";
  const bins = viewOf(state.method)[isTiers ? "tiers" : "even"], kind = kindOf(state.method);
  const shares = bins.flatMap(([rows, hits, chance]) => [hits / rows, chance]);
  const low = isTiers ? Math.max(1e-6, Math.min(0.1, ...shares.filter((v) => v > 0)) / 1.6) : 0;
  const most = Math.max(...bins.map(([rows]) => rows));
  const axis = { domain: [low, 1], log: isTiers, format: percent };
  plot(byId("reliability"), {
    x: { ...axis, label: "mean predicted probability" }, y: axis, ratio: 0.8,
    marks(layer, x, y) {
      layer.append(line([[low, low], [1, 1]], x, y, "guide"));
      for (const [rows, hits, chance, least, largest] of bins) {
        const cx = x.at(chance), r = 3 + 5 * Math.sqrt(rows / most);
        const d = `M${cx} ${y.at(least)}V${y.at(largest)}`;
        layer.append(draw("path", { class: `line ${kind}`, d }));
        const share = hits / rows;
        const text = `${whole(rows)} rows: ${percent(chance)} predicted, ${percent(share)} true`;
        layer.append(draw("circle", { class: `dot solid ${kind}`, cx, cy: y.at(share), r },
          draw("title", {}, text)));
      }
    },
  });
}

function drawPlane() {
  const { points, labels, anchors, classes } = data.embedding ?? {};
  if (!points?.length) return;
  const figure = byId("plane"), counts = classes.map(() => 0);
  labels.forEach((label) => counts[label]++);
  const order = [...counts.keys()].sort((a, b) => counts[b] - counts[a]);
  const colours = [1, 0, 2, 3, 4, 6];
  const hue = (k) => `s${colours[order.length - 1 - order.indexOf(k)] ?? 5}`;
  plot(figure, {
    ...square(figure, [...points, ...anchors]), left: 20, limit: 560,
    marks(layer, x, y) {
      for (const k of order) {
        const dots = points.filter((_, i) => labels[i] === k);
        const d = dots.map(([a, b]) => `M${x.at(a).toFixed(1)} ${y.at(b).toFixed(1)}h0`).join("");
        const rare = k === order.at(-1) ? "rare" : "";
        layer.append(draw("path", { class: `cloud ${hue(k)} ${rare}`, d }));
      }
      anchors.forEach(([a, b], i) => {
        const d = `M${x.at(a) - 9} ${y.at(b) - 9}l18 18m0 -18l-18 18`;
        const k = Math.floor((i * classes.length) / anchors.length);
        layer.append(draw("path", { class: "halo", d }));
        layer.append(draw("path", { class: `cross ${hue(k)}`, d }));
      });
    },
  });
  const entries = order.map((k) => make("span", {},
    swatch(`cloud rare ${hue(k)}`, "M11 4h0"), `${brief(classes[k])} (${whole(counts[k])})`));
  figure.querySelector(".legend")?.remove();
  figure.prepend(make("div", { class: "legend" }, ...entries));
}

// Axes without ticks around points, with one scale for both, so that distances are true.
function square(figure, points) {
  const sides = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const [across, up] = sides.map(([low, high]) => 1.08 * (high - low) || 1);
  const wide = widthOf(figure), tall = Math.min(520, wide * Math.min(0.6, up / across));
  const unit = Math.max(across / wide, up / tall);
  const [x, y] = sides.map(([low, high], axis) => {
    const half = ((axis ? tall : wide) * unit) / 2;
    const middle = (low + high) / 2;
    return { domain: [middle - half, middle + half], ticks: [], format: String };
  });
  return { x, y, ratio: tall / wide };
}
