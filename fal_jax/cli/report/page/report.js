// What the reader chooses, and what is drawn again for it.

function choose(changes) {
  Object.assign(state, changes);
  byId("method").value = state.method;
  byId("class").value = state.view;
  drawAll();
}

function drawAll() {
  drawFolds();
  const view = viewOf(0), found = positives();
  if (found > 0 && found < view.alarms.at(-1)) {
    drawFound();
    drawRoc();
    drawPrecision();
    fillCaught();
  }
  drawReliability();
  fillDecisions();
  fillMatrix();
  fillBins();
  drawPlane();
  fillList();
}

function spend(alarms) {
  state.budget = Math.max(1, Math.min(total, Math.round(alarms) || 1));
  byId("slider").value = (1000 * Math.log(state.budget)) / Math.log(total);
  drawFound();
  fillCaught();
}

function start() {
  const options = (names) => names.map((name, i) => make("option", { value: i }, name));
  byId("method").append(...options(data.methods));
  byId("class").append(...options(data.shown.map((k) => data.classes[k])));
  byId("filter").append(...Object.keys(FILTERS).map((name) => make("option", {}, name)));
  for (const [id, name] of [["method", "method"], ["class", "view"]]) {
    byId(id).addEventListener("change", () => choose({ [name]: Number(byId(id).value) }));
  }
  byId("class").value = state.view;
  byId("budget").max = total;
  byId("budget").value = state.budget;
  byId("slider").value = (1000 * Math.log(state.budget)) / Math.log(total);
  byId("budget").addEventListener("input", (event) => spend(event.target.value));
  byId("slider").addEventListener("input", (event) => {
    spend(total ** (event.target.value / 1000));
    byId("budget").value = state.budget;
  });
  byId("calibration").addEventListener("change", drawAll);
  const turn = (pages) => () => {
    list.page += pages;
    fillList();
  };
  const again = () => {
    list.page = 0;
    fillList();
  };
  byId("previous").addEventListener("click", turn(-1));
  byId("next").addEventListener("click", turn(1));
  byId("search").addEventListener("input", again);
  byId("filter").addEventListener("change", again);
  byId("bar").addEventListener("submit", (event) => event.preventDefault());
  document.querySelectorAll("table.sortable").forEach(sortable);
  const { complete, row, positives: kept } = data.rows;
  byId("kept").textContent = row.length === total
    ? `All ${whole(total)} rows, each with its score in the fold that held it out.`
    : `${whole(row.length)} of ${whole(total)} rows, each with its score in the fold that held it `
      + `out: the first ${whole(complete)} of every method`
      + (kept === null ? "." : `, and ${whole(kept)} of the ${whole(positives())} positives.`);
  let width = 0;
  new ResizeObserver(() => {
    if (document.body.clientWidth !== width) drawAll();
    width = document.body.clientWidth;
  }).observe(document.body);
}

start();
