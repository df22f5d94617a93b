// The figures. `data` is what Python measured, `state` what the reader chose.

const data = JSON.parse(document.getElementById("data").textContent);
const total = data.views[0][0].alarms.at(-1);
const state = { method: 0, view: 0, budget: Math.max(1, Math.round(total / 100)), logs: {} };
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

function lines(figure, { x, y, points, area, at, first }) {
  const order = [...data.methods.keys()].sort((a, b) => (a === state.method) - (b === state.method));
  plot(figure, {
    x, y,
    marks(layer, across, up) {
      first?.(layer, across, up);
      for (const method of order) layer.append(line(points(viewOf(method)), across, up, kindOf(method)));
    },
    tip: (value) => [["where", `${x.label} ${x.format(value)}`], ...data.methods
      .map((name, method) => [at(method, value), [`series ${kindOf(method)}`, name]])
      .sort((a, b) => b[0] - a[0])
      .map(([share, [kind, name]]) => [kind, `${percent(share)} ${brief(name)}`])],
  });
  legend(figure, area);
}

function legend(figure, area) {
  figure.querySelector(".legend")?.remove();
  const entries = data.methods.map((name, method) => {
    const value = area?.(viewOf(method));
    const swatch = draw("svg", { class: "swatch", viewBox: "0 0 22 8", "aria-hidden": "true" },
      draw("path", { class: `line ${kindOf(method)}`, d: "M1 4H21" }));
    return make("button", {
      type: "button", title: name, "aria-pressed": method === state.method, onclick: () => choose({ method }),
    }, swatch, brief(name), ...(value == null ? [] : [make("b", {}, value.toFixed(3))]));
  });
  figure.querySelector("figcaption").after(make("div", { class: "legend" }, ...entries));
}

// A switch for a logarithmic axis, once in each figure that has one.
function isLog(figure, standard) {
  if (!(figure.id in state.logs)) {
    state.logs[figure.id] = standard;
    const box = make("input", { type: "checkbox", onchange: () => choose({}, () => (state.logs[figure.id] = box.checked)) });
    box.checked = standard;
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
    points: (view) => view.alarms.map((alarms, i) => [alarms, view.hits[i] / found]).slice(log ? 1 : 0),
    at: (method, alarms) => hitsAt(method, alarms) / found,
    first(layer, x, y) {
      const lucky = powers(total).map((alarms) => [alarms, alarms / total]);
      layer.append(line(perfect, x, y, "guide"), line(lucky, x, y, "guide"));
      layer.append(draw("path", { class: "rule", d: `M${x.at(state.budget)} ${y.at(0)}V${y.at(1)}` }));
    },
  });
}

// From 1 to a number in even factors, for lines that bend on a logarithmic axis.
const powers = (last) => Array.from({ length: 61 }, (_, i) => last ** (i / 60));

function drawRoc() {
  const figure = byId("roc"), found = positives(), others = total - found;
  const log = isLog(figure, found < 0.05 * total);
  lines(figure, {
    x: { domain: [log ? 1 / others : 0, 1], log, label: "false alarm rate", format: percent },
    y: { domain: [0, 1], format: percent },
    points: (view) => view.alarms.map((a, i) => [(a - view.hits[i]) / others, view.hits[i] / found]),
    area: (view) => view.roc_auc,
    at(method, rate) {
      const { alarms, hits } = viewOf(method);
      return read(alarms.map((a, i) => (a - hits[i]) / others), hits, rate) / found;
    },
    first(layer, x, y) {
      layer.append(line(powers(others).map((alarms) => [alarms / others, alarms / others]), x, y, "guide"));
    },
  });
}

function drawPrecision() {
  const figure = byId("pr"), found = positives();
  const log = isLog(figure, false), share = found / total;
  lines(figure, {
    x: { domain: [0, 1], label: "share found", format: percent },
    y: { domain: [log ? share / 1.5 : 0, 1], log, format: percent },
    points: (view) => view.alarms.map((a, i) => [view.hits[i] / found, view.hits[i] / a]).slice(1),
    area: (view) => view.average_precision,
    at(method, recall) {
      const { alarms, hits } = viewOf(method);
      const place = Math.max(1, hits.findIndex((h) => h >= recall * found));
      return hits[place] / alarms[place];
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
      const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
      const bar = draw("path", { class: `mean ${kindOf(method)}`, d: `M${x.at(mean)} ${y.at(method) - 9}v18` });
      layer.append(...known.map((value) =>
        draw("circle", { class: `dot ${kindOf(method)}`, cx: x.at(value), cy: y.at(method), r: 4 })),
      ...(known.length ? [bar] : []));
    }),
  });
}

function drawReliability() {
  const tiers = document.querySelector("[name=bins]:checked").value === "tiers";
  const bins = viewOf(state.method)[tiers ? "tiers" : "even"];
  const shares = bins.flatMap(([rows, hits, chance]) => [hits / rows, chance]).filter((v) => v > 0);
  const low = tiers ? Math.max(1e-6, Math.min(0.1, ...shares) / 1.6) : 0;
  const most = Math.max(...bins.map(([rows]) => rows));
  const axis = { domain: [low, 1], log: tiers, format: percent };
  plot(byId("reliability"), {
    x: { ...axis, label: "mean predicted probability" },
    y: axis,
    ratio: 0.8,
    marks(layer, x, y) {
      layer.append(line([[low, low], [1, 1]], x, y, "guide"));
      for (const [rows, hits, chance, least, largest] of bins) {
        const across = x.at(chance), kind = kindOf(state.method);
        layer.append(draw("path", { class: `line ${kind}`, d: `M${across} ${y.at(least)}V${y.at(largest)}` }));
        const radius = 3 + 5 * Math.sqrt(rows / most);
        layer.append(draw("circle", { class: `dot solid ${kind}`, cx: across, cy: y.at(hits / rows), r: radius },
          draw("title", {}, `${whole(rows)} rows: ${percent(hits / rows)} positive, ${percent(chance)} predicted`)));
      }
    },
  });
}

function drawPlane() {
  const { points, labels, anchors } = data.embedding ?? {};
  if (!points?.length) return;
  const all = [...points, ...anchors], figure = byId("plane");
  const [left, right, bottom, top] = [0, 1].flatMap((axis) => {
    const values = all.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const counts = data.embedding.classes.map((_, k) => labels.filter((label) => label === k).length);
  const order = [...counts.keys()].sort((a, b) => counts[b] - counts[a]);
  const pad = (low, high) => [low - 0.04 * (high - low) - 1e-9, high + 0.04 * (high - low) + 1e-9];
  const bare = { ticks: [], format: String };
  const hueOf = new Map(order.map((k, rank) => [k, `s${(rank + 5) % 7} c0`]));
  plot(figure, {
    left: 12, ratio: 0.62, limit: 520,
    x: { ...bare, domain: pad(left, right) },
    y: { ...bare, domain: pad(bottom, top) },
    marks(layer, x, y) {
      for (const k of order) {
        const dots = points.filter((_, i) => labels[i] === k).map(([a, b]) => `M${x.at(a).toFixed(1)} ${y.at(b).toFixed(1)}h0`);
        layer.append(draw("path", { class: `cloud ${hueOf.get(k)}${k === order.at(-1) ? " rare" : ""}`, d: dots.join("") }));
      }
      anchors.forEach(([a, b], i) => {
        const cross = `M${x.at(a) - 9} ${y.at(b) - 9}l18 18m0 -18l-18 18`;
        const hue = hueOf.get(Math.floor((i * counts.length) / anchors.length));
        layer.append(draw("path", { class: "halo", d: cross }), draw("path", { class: `cross ${hue}`, d: cross }));
      });
    },
  });
  const entries = order.map((k) => make("span", {}, draw("svg", { class: "swatch", viewBox: "0 0 22 8" },
    draw("path", { class: `cloud rare ${hueOf.get(k)}`, d: "M11 4h0" })), `${data.embedding.classes[k]} (${whole(counts[k])})`));
  figure.querySelector(".legend")?.remove();
  figure.prepend(make("div", { class: "legend" }, ...entries));
}
