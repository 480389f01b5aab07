// The page: controls, sections, address.

const DATA = JSON.parse(document.getElementById("data").textContent);
const MEASURES = DATA.measures;
const studies = DATA.studies.map(unpack);
for (const study of studies) study.contents = contents(study);
const allLayers = unique(studies.flatMap((study) => study.layers));
const byId = (id) => document.getElementById(id);
let state = {};
let charts = [];

function start() {
  document.querySelector("main").classList.toggle("two", studies.length > 1);
  for (const section of SECTIONS) buildSection(section);
  const list = allLayers.map((layer, index) => {
    const box = element("input", { type: "checkbox", value: String(index) });
    return element("label", { class: "check" }, box, element("span", {}, layer));
  });
  byId("layers-list").append(...list);
  byId("choices").open = !matchMedia("(max-width: 48rem)").matches;
  byId("controls").addEventListener("input", fromControls);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").addEventListener("reset", (event) => {
    event.preventDefault();
    show({ theme: state.theme });
  });
  byId("layers-all").addEventListener("click", () => show({ ...state, layers: null }));
  byId("layers-none").addEventListener("click", () => show({ ...state, layers: [] }));
  byId("skip").addEventListener("click", (event) => {
    // The address says what is shown, not where on the page one is.
    event.preventDefault();
    byId("summary").focus();
  });
  byId("theme").addEventListener("input", () => show({ ...state, theme: byId("theme").value }));
  addEventListener("hashchange", () => location.hash !== toAddress(state) && show(fromAddress(location.hash)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  show(fromAddress(location.hash));
  let width = innerWidth;
  addEventListener("resize", () => {
    // Not for the height, which bars of a phone's browser change as they come and go.
    if (innerWidth !== width) draw();
    width = innerWidth;
  });
}

function fromControls(event) {
  const checked = [...byId("layers-list").querySelectorAll("input")];
  const next = { ...state, fit: byId("fit").checked };
  if (checked.includes(event.target)) next.layers = allLayers.filter((_, index) => checked[index].checked);
  for (const key of PLAIN) if (event.target === byId(key)) next[key] = byId(key).value;
  if (event.target === byId("round")) next.round = roundValues()[Number(byId("round").value)];
  // What another choice leaves impossible is chosen anew without a word: nobody asked for it.
  const asked = Object.fromEntries(Object.entries(next).filter(([key]) => !PLAIN.includes(key) || possible(next, key)));
  show(asked);
}

function possible(next, key) {
  return choices(studies, next)[key].some(([value]) => value === next[key]);
}

function roundValues() {
  return choices(studies, state).round.map(([value]) => value);
}

/** Show a state, or what comes nearest to it. */
function show(wish) {
  const found = settled(studies, wish);
  state = found.state;
  if (["light", "dark"].includes(state.theme)) document.documentElement.dataset.theme = state.theme;
  else {
    state.theme = "";
    delete document.documentElement.dataset.theme;
  }
  remember(toAddress(state));
  fillControls();
  draw();
  byId("summary").replaceChildren(
    ...found.corrections.map((text) => element("p", { class: "correction" }, text)),
    ...studies.map((study) =>
      element(
        "p",
        {},
        ...(studies.length > 1 ? [element("strong", {}, study.name), ": "] : []),
        summary(study, state, charts),
      ),
    ),
  );
}

function remember(address) {
  try {
    history.replaceState(null, "", address);
  } catch {
    // In a frame without an address of its own there is nothing to remember it in; the view is shown all the same.
  }
}

function fillControls() {
  const possible = choices(studies, state);
  for (const key of PLAIN.filter((one) => one !== "round")) {
    const options = possible[key].map(([value, words]) => [value, words]);
    if (key !== "lines")
      byId(key).replaceChildren(...options.map(([value, words]) => element("option", { value }, words)));
    byId(key).value = state[key];
    byId(key).closest("label").hidden = options.length < 2 && key === "show";
  }
  const rounds = possible.round;
  const place = rounds.findIndex(([value]) => value === state.round);
  filled(
    byId("round"),
    { max: Math.max(0, rounds.length - 1), "aria-valuetext": `round ${rounds[place]?.[1] ?? "none"}` },
    [],
  );
  byId("round").value = place;
  byId("round").disabled = rounds.length < 2;
  byId("round-shown").textContent = rounds[place]?.[1] ?? "none";
  byId("fit").checked = Boolean(state.fit);
  byId("theme").value = state.theme;
  byId("link").href = toAddress(state);
  const chosen = new Set(state.layers ?? allLayers);
  byId("layers-list")
    .querySelectorAll("input")
    .forEach((box, index) => (box.checked = chosen.has(allLayers[index])));
  byId("layers-shown").textContent = state.layers ? `${chosen.size} of ${allLayers.length}` : "all";
}

function buildSection({ id, columns }) {
  const box = byId(id);
  const rows = () =>
    tabled(
      columns,
      charts.filter((chart) => chart.id === id).flatMap((chart) => chart.points),
    );
  const button = element("button", { type: "button", class: "csv" }, "Download CSV");
  button.addEventListener("click", () =>
    download(`${studies.map(({ name }) => name).join("-")}-${id}.csv`.replace(/[^\w.-]+/g, "_"), asCsv(rows())),
  );
  const scroll = element("div", { class: "scroll", tabindex: 0, role: "region" });
  const details = element("details", { class: "rows" }, element("summary", {}, "The rows as a table"), scroll);
  const fill = () =>
    scroll.replaceChildren(...(details.open ? [asTable(rows(), byId(`${id}-title`).textContent)] : []));
  details.addEventListener("toggle", fill);
  box.append(
    element("p", { class: "about" }),
    element("div", { class: "panels" }),
    element("p", { class: "actions buttons" }, button),
    details,
  );
  box.refill = fill;
}

function draw() {
  const focused = charts.find(({ chart }) => chart?.node === document.activeElement);
  hideCard();
  charts = SECTIONS.flatMap(drawSection);
  if (focused) charts.find(({ id, study }) => id === focused.id && study === focused.study)?.chart?.node.focus();
  chooseRound();
  for (const { id } of SECTIONS) byId(id).refill();
}

function drawSection(section) {
  const box = byId(section.id);
  box.querySelector("h2").textContent = section.title(state);
  box.querySelector(".about").textContent = section.about(state);
  box.querySelector(".scroll").setAttribute("aria-label", `Rows: ${section.title(state)}`);
  const found = studies.map((study) =>
    section.points(study, state).map(drawnAs(section === accuracy ? "value" : state.show)),
  );
  const scale = section.ends(found.flat(), state);
  const panels = box.querySelector(".panels");
  const figures = studies.map(() => element("figure"));
  panels.replaceChildren(...figures);
  return studies.map((study, index) => {
    const points = found[index];
    const figure = figures[index];
    if (studies.length > 1) figure.append(element("h3", {}, study.name));
    const drawn = { id: section.id, study, points };
    if (!points.some(({ shown }) => shown !== null)) {
      figure.append(element("p", { class: "missing" }, emptyWords(study, points)));
      return drawn;
    }
    const width = Math.max(SHORTEST, figure.clientWidth);
    Object.assign(drawn, section.draw(study, state, points, width, scale));
    makeReadable(drawn.chart, {
      label: `${section.title(state)}, ${study.name}. Arrow keys move from value to value, Enter chooses the round.`,
      lines: section.lines,
      select: choosePoint,
      linked: (point) => link(drawn, point),
    });
    const legend = element("ul", { class: "legend" }, ...drawn.legend.map(legendItem));
    figure.append(drawn.chart.node, element("figcaption", {}, legend));
    drawn.guide = mark("path", { class: "linked", fill: "none" });
    drawn.chosen = mark("path", { class: "chosen" });
    drawn.chart.node.append(drawn.guide);
    // A frame lies on the cells, an upright line behind the others.
    drawn.chart.node[section === map ? "append" : "prepend"](drawn.chosen);
    return drawn;
  });
}

function emptyWords(study, points) {
  const notes = unique(points.flatMap((point) => point.notes ?? []));
  if (notes.length) return `No value: ${notes.join("; ")}`;
  return state.layers?.length === 0 ? "No layer is chosen." : `${study.name} has no such comparison.`;
}

function choosePoint(point) {
  const next = { ...state, round: String(point.round) };
  if (point.round !== 0) next.method = point.method;
  if (possible(next, "method") && possible(next, "round")) show(next);
}

/** Frame what belongs to the chosen round. */
function chooseRound() {
  for (const { id, chart, chosen } of charts) {
    if (!chart || id === "depth" || (id === "map" && state.family === "layers")) continue;
    const mine = chart.stops
      .flat()
      .filter(
        ({ point }) => String(point.round) === state.round && (point.round === 0 || point.method === state.method),
      );
    if (mine.length) chosen.setAttribute("d", id === "map" ? frame(mine) : upright(chart, mine[0].x));
    chosen.classList.toggle("thin", id !== "map");
  }
}

function frame(cells) {
  const left = Math.min(...cells.map(({ box }) => box.x));
  const right = Math.max(...cells.map(({ box }) => box.x + box.width));
  const { y, height } = cells[0].box;
  return `M${left},${y}H${right}v${height}H${left}z`;
}

function upright({ bounds }, x) {
  return `M${x},${bounds.top}V${bounds.bottom}`;
}

/** Show in the other charts what belongs to the point under the cursor. */
function link(from, point) {
  for (const other of charts) {
    if (!other.chart || other === from) continue;
    const stop = point && other.chart.stops.flat().find((one) => other.same(one.point, point));
    other.guide.setAttribute("d", stop ? (stop.box ? outline(stop) : upright(other.chart, stop.x)) : "");
  }
}

start();
