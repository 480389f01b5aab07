// The rows of a chart: as a table on the page, and as a CSV file.

const COMPARISON_COLUMNS = [
  ["study", (point) => point.study],
  ["family", (point) => point.family],
  ["measure", (point) => point.measure],
  ["method", (point) => point.method],
  ["round", (point) => point.round],
  ["compared_with", (point) => againstWords(point.against)],
  ["layer_a", (point) => point.layerA],
  ["layer_b", (point) => point.layerB],
  ["comparisons", (point) => `${point.averaged} of ${point.of}`],
  ["value", (point) => point.value],
  ["low", (point) => point.low],
  ["high", (point) => point.high],
  ["interval", (point) => point.interval],
  ["null", (point) => point.null],
  ["calibrated", (point) => point.calibrated],
  ["p_value", (point) => point.p],
  ["n_images", (point) => point.images],
  ["n_samples", (point) => point.samples],
  ["rank_a", (point) => point.rankA],
  ["rank_b", (point) => point.rankB],
  ["note", (point) => point.notes.join("; ")],
];

const ACCURACY_COLUMNS = [
  ["study", (point) => point.study],
  ["method", (point) => point.method],
  ["round", (point) => point.round],
  ["density", (point) => point.density],
  ["remaining_weights", (point) => point.weights],
  ["replicates", (point) => point.averaged],
  ["test_accuracy", (point) => point.value],
  ["low", (point) => point.low],
  ["high", (point) => point.high],
  ["interval", (point) => point.interval],
  ["test_loss", (point) => point.loss],
];

/** Header and rows, without columns that the tables of the study lack. A number has six digits. */
function tabled(columns, points) {
  const used = columns.filter(([, read]) => points.some((point) => read(point) !== undefined));
  const cell = (value) => (typeof value === "number" ? Number(value.toPrecision(6)) : (value ?? ""));
  return [used.map(([name]) => name), ...points.map((point) => used.map(([, read]) => cell(read(point))))];
}

function asCsv(rows) {
  const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return rows.map((row) => `${row.map((cell) => quoted(String(cell))).join(",")}\n`).join("");
}

function asTable([header, ...rows], caption) {
  const cells = (row) =>
    row.map((cell) => element("td", typeof cell === "number" ? { class: "number" } : {}, String(cell)));
  return element(
    "table",
    {},
    element("caption", { class: "hidden" }, caption),
    element("thead", {}, element("tr", {}, ...header.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))),
  );
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** What a card says of a comparison. */
function comparisonLines({ point }) {
  const layers = point.layerA === point.layerB ? point.layerB : `${point.layerB} (the dense network's ${point.layerA})`;
  const lines = [
    [MEASURES[point.measure]?.label ?? point.measure, point.value === null ? "no value" : short(point.value)],
  ];
  if (point.low !== null) lines.push([point.interval, `${short(point.low)} to ${short(point.high)}`]);
  if (point.null !== null) lines.push(["null (images permuted)", short(point.null)]);
  if (point.calibrated != null) lines.push(["calibrated score", short(point.calibrated)]);
  if (point.p != null) lines.push([point.averaged > 1 ? "largest p-value" : "p-value", short(point.p)]);
  if (point.of > 1)
    lines.push([point.crossed ? "pairs of replicates" : "replicates", `${point.averaged} of ${point.of}`]);
  else lines.push([point.crossed ? "replicates" : "replicate", point.members[0]?.replicate ?? "–"]);
  if (point.images) lines.push(["images", point.images]);
  if (point.samples) lines.push(["samples", point.samples]);
  if (point.rankA || point.rankB) lines.push(["ranks", `${point.rankA || "–"} and ${point.rankB || "–"}`]);
  if (point.notes.length) lines.push(["note", point.notes.join("; ")]);
  return [`${layers}, ${roundWords(point)}, compared with ${againstWords(point.against)}`, lines];
}

function accuracyLines({ point }) {
  const lines = [["test accuracy", short(point.value)]];
  if (point.low !== null) lines.push([point.interval, `${short(point.low)} to ${short(point.high)}`]);
  lines.push(["weights left", share(point.density) + (point.weights ? ` (${point.weights})` : "")]);
  if (point.loss !== null) lines.push(["test loss", short(point.loss)]);
  lines.push(["replicates", String(point.averaged)]);
  return [roundWords(point), lines];
}

function roundWords({ method, round }) {
  return round === 0 ? "dense network" : `round ${round} of ${method}`;
}
