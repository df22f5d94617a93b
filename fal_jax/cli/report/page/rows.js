// The list of rows: filtered, searched, sorted and in pages.

const PAGE = 20;
const list = { column: null, rising: false, page: 0 };
const FILTERS = {
  "all rows": () => true,
  positives: (is) => is,
  alarms: (is, said) => said,
  "missed positives": (is, said) => is && !said,
  "false alarms": (is, said) => !is && said,
};

const scoresOf = (method) => data.rows.scores[method * data.shown.length + state.view];
const sortedBy = () => list.column ?? 4 + state.method;

function listed() {
  const { row, fold, label, decided } = data.rows, wanted = data.shown[state.view];
  const said = decided[state.method] ?? [], keeps = FILTERS[byId("filter").value];
  let found = [...row.keys()].filter((i) => keeps(label[i] === wanted, said[i] === wanted));
  const query = byId("search").value.trim();
  if (query) {
    const exact = found.filter((i) => String(row[i]) === query);
    found = exact.length ? exact : found.filter((i) => String(row[i]).startsWith(query));
  }
  const columns = [row, fold, label, said, ...data.methods.map((_, method) => scoresOf(method))];
  const values = columns[sortedBy()], sign = list.rising ? 1 : -1;
  return found.sort((a, b) => sign * (values[a] - values[b]) || row[a] - row[b]);
}

function fillList() {
  const found = listed(), pages = Math.max(1, Math.ceil(found.length / PAGE));
  list.page = Math.max(0, Math.min(list.page, pages - 1));
  const names = ["row", "fold", "truth", "decision", ...data.methods.map((name) => brief(name))];
  const rows = found.slice(list.page * PAGE, (list.page + 1) * PAGE).map(rowOf);
  byId("list").replaceChildren(
    make("thead", {}, make("tr", {}, ...names.map(sortHeading))), body(rows));
  byId("number").textContent = found.length
    ? `${whole(found.length)} of the ${whole(data.rows.row.length)} rows kept here`
    : "No such row among those kept here.";
  byId("page").textContent = `${list.page + 1} of ${whole(pages)}`;
  byId("previous").disabled = list.page === 0;
  byId("next").disabled = list.page === pages - 1;
}

function sortHeading(name, column) {
  const isSorted = column === sortedBy();
  const button = make("button", { type: "button" }, name);
  button.addEventListener("click", () => {
    Object.assign(list, { column, page: 0, rising: isSorted ? !list.rising : column < 2 });
    fillList();
    byId("list").tHead.rows[0].cells[column].firstChild.focus();
  });
  const sorted = isSorted ? { "aria-sort": list.rising ? "ascending" : "descending" } : {};
  return make("th", { scope: "col", ...sorted }, button);
}

function rowOf(i) {
  const { row, fold, label, decided } = data.rows, said = decided[state.method]?.[i];
  const verdict = said === undefined ? "–" : data.classes[said];
  const isWrong = said !== undefined && said !== label[i];
  const scores = data.methods.map((_, method) => make(
    "td", { class: method === state.method ? "chosen" : "" }, scoresOf(method)[i].toFixed(4)));
  return make("tr", { class: isWrong ? "wrong" : "" },
    ...cells(row[i], fold[i], data.classes[label[i]], verdict), ...scores);
}
