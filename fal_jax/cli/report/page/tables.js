// The tables: sorting, alarms of all methods, confusion, bins, and the list of rows.

const cells = (kind, ...texts) => texts.map((text) => make(kind, kind === "th" ? { scope: "col" } : {}, text));
const heading = (...texts) => make("thead", {}, make("tr", {}, ...cells("th", ...texts)));
const named = (method) =>
  make("th", { scope: "row" }, make("i", { class: `chip ${kindOf(method)}` }), brief(data.methods[method], 32));

// Sorts the rows of a table by what stands under a heading, first the way that is of most use.
function sortable(table) {
  const headings = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  headings.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const lowFirst = column === 0 || "lower" in head.dataset;
    const before = head.getAttribute("aria-sort");
    const rising = before ? before === "descending" : lowFirst;
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.value;
    const known = (row) => column === 0 || (value(row) !== "" && !Number.isNaN(Number(value(row))));
    const compare = column === 0
      ? (a, b) => value(a).localeCompare(value(b))
      : (a, b) => Number(value(a)) - Number(value(b));
    const rows = [...body.rows].sort((a, b) =>
      known(b) - known(a) || (known(a) ? (rising ? 1 : -1) * compare(a, b) : 0));
    body.append(...rows);
  }));
}

function fillCaught() {
  const hits = data.methods.map((_, method) => hitsAt(method, state.budget));
  const found = positives(), best = Math.max(...hits);
  const rows = hits.map((hit, method) => {
    const row = make("tr", { class: method === state.method ? "chosen" : "" }, named(method), ...cells("td",
      whole(hit), percent(hit / found), percent(hit / state.budget), whole(state.budget - hit)));
    if (hit === best) row.cells[2].classList.add("top");
    return row;
  });
  byId("caught").replaceChildren(
    heading("method", `of ${whole(found)} found`, "share", "alarms right", "false alarms"),
    make("tbody", {}, ...rows));
}

function fillMatrix() {
  const matrix = data.confusions[state.method], name = data.methods[state.method];
  const threshold = data.thresholds[state.method];
  if (!matrix) {
    byId("decision").textContent = `${name} has no threshold chosen in validation: use the number of alarms above.`;
    return byId("matrix").replaceChildren();
  }
  const positive = data.shown[state.view], [caught, said] = [matrix[positive][positive], matrix.reduce((sum, row) => sum + row[positive], 0)];
  const rule = data.binary
    ? `${name} raises an alarm from a probability of ${short(threshold)} on, chosen on validation rows inside each training part`
    : `${name} decides for the most probable class`;
  const all = matrix[positive].reduce((sum, value) => sum + value, 0);
  byId("decision").textContent = `${rule}. It finds ${percent(caught / all)} of ${positiveName()}; `
    + (said ? `${percent(caught / said)} of its ${whole(said)} decisions for it are right.` : "it never decides for it.");
  const rows = matrix.map((row, k) => {
    const size = row.reduce((sum, value) => sum + value, 0);
    return make("tr", {}, make("th", { scope: "row" }, `true ${data.classes[k]}`), ...row.map((count, j) => {
      const share = size ? count / size : 0;
      const cell = make("td", { class: j === k ? "right" : "wrong" }, make("b", {}, whole(count)), make("small", {}, percent(share)));
      cell.style.setProperty("--share", share);
      return cell;
    }));
  });
  byId("matrix").replaceChildren(
    heading("", ...data.classes.map((name) => `taken for ${name}`)), make("tbody", {}, ...rows));
}

function fillBins() {
  const view = viewOf(state.method);
  const bins = view[document.querySelector("[name=bins]:checked").value];
  byId("trust").textContent = `${data.methods[state.method]}, ${positiveName()}: expected calibration error `
    + `${view.calibration_error.toFixed(4)}. Dots on the diagonal are honest probabilities; below it they promise too much.`;
  const rows = [...bins].sort((a, b) => b[2] - a[2]).map(([rows, hits, chance, low, high]) =>
    make("tr", { class: chance < low || chance > high ? "off" : "" }, ...cells("td", whole(rows), whole(hits),
      percent(chance), percent(hits / rows), `${percent(low)} to ${percent(high)}`)));
  byId("bins").replaceChildren(
    heading("rows", "positives", "predicted", "true share", "95% interval"), make("tbody", {}, ...rows));
}

const PAGE = 20;
const list = { column: null, rising: false, page: 0 };
const FILTERS = {
  "all rows": () => true,
  positives: (is, said) => is,
  alarms: (is, said) => said,
  "missed positives": (is, said) => is && !said,
  "false alarms": (is, said) => !is && said,
};

function scoresOf(method) {
  return data.rows.scores[method * data.shown.length + state.view];
}

function listed() {
  const { row, label } = data.rows, query = byId("search").value.trim();
  const decided = data.rows.decided[state.method], wanted = data.shown[state.view];
  const keeps = FILTERS[byId("filter").value];
  let found = [...row.keys()].filter((i) => keeps(label[i] === wanted, decided?.[i] === wanted));
  if (query) {
    const exact = found.filter((i) => String(row[i]) === query);
    found = exact.length ? exact : found.filter((i) => String(row[i]).startsWith(query));
  }
  const columns = [row, data.rows.fold, label, decided ?? label, ...data.methods.map((_, k) => scoresOf(k))];
  const values = columns[list.column ?? 4 + state.method];
  const sign = list.rising ? 1 : -1;
  return found.sort((a, b) => sign * (values[a] - values[b]) || row[a] - row[b]);
}

function fillList() {
  const found = listed(), pages = Math.max(1, Math.ceil(found.length / PAGE));
  list.page = Math.max(0, Math.min(list.page, pages - 1));
  const names = ["row", "fold", "truth", "decision", ...data.methods.map((name) => brief(name))];
  const current = list.column ?? 4 + state.method;
  const heads = names.map((name, column) => {
    const sorted = column === current ? { "aria-sort": list.rising ? "ascending" : "descending" } : {};
    const onclick = () => {
      list.rising = column === current ? !list.rising : column < 2;
      list.column = column;
      list.page = 0;
      fillList();
      byId("list").tHead.rows[0].cells[column].firstChild.focus();
    };
    return make("th", { scope: "col", ...sorted }, make("button", { type: "button", onclick }, name));
  });
  const rows = found.slice(list.page * PAGE, (list.page + 1) * PAGE).map(rowOf);
  byId("list").replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  byId("number").textContent = found.length
    ? `${whole(found.length)} of the ${whole(data.rows.row.length)} rows kept here`
    : "No such row among those kept here.";
  byId("page").textContent = `${list.page + 1} of ${whole(pages)}`;
  byId("previous").disabled = list.page === 0;
  byId("next").disabled = list.page === pages - 1;
}

function rowOf(i) {
  const { row, fold, label, decided } = data.rows, wanted = data.shown[state.view];
  const said = decided[state.method]?.[i];
  const verdict = said === undefined ? "–" : data.binary ? (said === wanted ? "alarm" : "none") : data.classes[said];
  const is = label[i] === wanted, kind = said === undefined || (said === wanted) === is ? "" : is ? "missed" : "false";
  const scores = data.methods.map((_, method) => make("td", { class: method === state.method ? "chosen" : "" },
    scoresOf(method)[i].toFixed(4)));
  return make("tr", { class: kind }, ...cells("td", row[i], fold[i], data.classes[label[i]], verdict), ...scores);
}
