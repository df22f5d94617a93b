// The tables but the list of rows: methods, alarms, decisions, confusion, bins.

const cells = (...texts) => texts.map((text) => make("td", {}, text));
const body = (rows) => make("tbody", {}, ...rows);
const heading = (...texts) => make("thead", {},
  make("tr", {}, ...texts.map((text) => make("th", { scope: "col" }, text))));

function methodRow(method, ...texts) {
  const chip = make("i", { class: `chip ${kindOf(method)}` });
  const name = make("th", { scope: "row" }, chip, brief(data.methods[method], 32));
  return make("tr", { class: method === state.method ? "chosen" : "" }, name, ...cells(...texts));
}

// Sorts the rows of a table by what stands under a heading, first the way that is of most use;
// what is not known goes to the end.
function sortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const rising = before ? before === "descending" : column === 0 || "lower" in head.dataset;
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const text = (row) => row.cells[column].dataset.value;
    const known = (row) => text(row) !== "";
    const order = (a, b) => (column ? text(a) - text(b) : text(a).localeCompare(text(b)));
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(
      (a, b) => known(b) - known(a) || (rising ? order(a, b) : order(b, a))));
  }));
}

function fillCaught() {
  const found = positives(), { budget } = state;
  const rows = data.methods.map((_, method) => {
    const hits = hitsAt(method, budget);
    return methodRow(
      method, whole(hits), percent(hits / found), percent(hits / budget), whole(budget - hits));
  });
  byId("caught").replaceChildren(
    heading("method", "found", `of all ${whole(found)}`, "alarms right", "false alarms"),
    body(rows));
}

function fillDecisions() {
  const wanted = data.shown[state.view], found = positives();
  const rows = data.methods.map((_, method) => {
    const matrix = data.confusions[method], threshold = data.thresholds[method];
    const from = data.binary ? [threshold === null ? "–" : short(threshold)] : [];
    if (!matrix) return methodRow(method, ...from, "–", "–", "–");
    const hits = matrix[wanted][wanted], said = sum(matrix.map((row) => row[wanted]));
    const shares = [found ? percent(hits / found) : "–", said ? percent(hits / said) : "–"];
    return methodRow(method, ...from, whole(said), ...shares);
  });
  const [from, said] = data.binary ? [["from"], "alarms"] : [[], "decisions"];
  byId("decisions").replaceChildren(
    heading("method", ...from, said, `of all ${whole(found)}`, `${said} right`), body(rows));
}

function fillMatrix() {
  const matrix = data.confusions[state.method];
  byId("decision").textContent = ruleOf(data.methods[state.method], data.thresholds[state.method]);
  const rows = (matrix ?? []).map((row, k) => {
    const size = sum(row);
    const counts = row.map((count, j) => {
      const share = size ? count / size : 0, kind = j === k ? "right" : "wrong";
      const texts = [make("b", {}, whole(count)), make("small", {}, percent(share))];
      const cell = make("td", { class: kind }, ...texts);
      cell.style.setProperty("--share", share);
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, `true ${data.classes[k]}`), ...counts);
  });
  const heads = matrix ? [heading("", ...data.classes.map((name) => `taken for ${name}`))] : [];
  byId("matrix").replaceChildren(...heads, body(rows));
}

function ruleOf(name, threshold) {
  if (!data.binary) {
    return `${name} decides for the most probable class. The lower table is of ${positiveName()}.`;
  }
  if (threshold === null) return `${name} has no threshold that was chosen in validation.`;
  return `${name} raises an alarm from a probability of ${short(threshold)} on, `
    + "chosen on validation rows inside the training part of each fold.";
}

function fillBins() {
  const view = viewOf(state.method), name = data.methods[state.method];
  const bins = view[document.querySelector("[name=bins]:checked").value];
  byId("trust").textContent = `${name}, ${positiveName()}: expected calibration error `
    + `${view.calibration_error.toFixed(4)}. A dot on the diagonal is an honest probability; `
    + "one below it promises too much.";
  const rows = [...bins].sort((a, b) => b[2] - a[2]).map(([size, hits, chance, low, high]) =>
    make("tr", { class: chance < low || chance > high ? "off" : "" }, ...cells(
      whole(size), whole(hits), percent(chance), percent(hits / size),
      `${percent(low)} to ${percent(high)}`)));
  byId("bins").replaceChildren(
    heading("rows", "positives", "predicted", "true share", "95% interval"), body(rows));
}
