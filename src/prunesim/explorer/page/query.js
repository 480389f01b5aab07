// What the charts show: rows of the tables, selected and averaged. Nothing here knows of the page.

/** By which name a comparison is chosen: with which network the one of the row is compared. */
function againstOf({ method_a, round_a, method_b, round_b }, row) {
  const [methodA, roundA, methodB, roundB] = [method_a(row), round_a(row), method_b(row), round_b(row)];
  if (methodA === methodB && roundA === roundB) return "same";
  if (roundA === roundB && methodA !== "dense") return `${methodA}:same`;
  return methodA === "dense" || methodA === methodB ? String(roundA) : `${methodA}:${roundA}`;
}

function againstWords(against) {
  if (against === "same") return "another replicate";
  if (against === "0") return "the dense network";
  const [, method, round] = /^(?:(.*):)?(.*)$/s.exec(against);
  if (round === "same") return `${method} in the same round`;
  return method ? `round ${round} of ${method}` : `round ${round}`;
}

/** For each family, method and network compared with: which rounds there are. */
function contents(study) {
  const found = new Map();
  for (const [family, { count, pairs }] of study.families) {
    const methods = new Map();
    for (let row = 0; row < count; row += 1) {
      const method = pairs.method_b(row);
      if (!methods.has(method)) methods.set(method, new Map());
      const against = againstOf(pairs, row);
      const rounds = methods.get(method);
      if (!rounds.has(against)) rounds.set(against, new Set());
      rounds.get(against).add(pairs.round_b(row));
    }
    // The dense network is round 0 of every method, and a method by itself only where there is no other.
    const dense = methods.get("dense");
    if (dense && methods.size > 1) {
      methods.delete("dense");
      for (const rounds of methods.values()) {
        for (const [against, own] of dense) rounds.set(against, new Set([...own, ...(rounds.get(against) ?? [])]));
      }
    }
    found.set(family, methods);
  }
  return found;
}

/**
 * The comparisons of a study that a view shows, averaged over replicates.
 *
 * @param wanted family, measure, against, replicate ("mean" or a number as text), methods (list) and layers (set)
 * @returns list of points, one a method, round and pair of layers, in the order of the table
 */
function comparisons(study, wanted) {
  const family = study.families.get(wanted.family);
  const columns = family?.measures.get(wanted.measure);
  if (!columns) return [];
  const { count, pairs } = family;
  const methods = new Set([...wanted.methods, "dense"]);
  const groups = new Map();
  for (let row = 0; row < count; row += 1) {
    if (!methods.has(pairs.method_b(row)) || againstOf(pairs, row) !== wanted.against) continue;
    const layers = [pairs.layer_a(row), pairs.layer_b(row)];
    const replicates = [pairs.replicate_a(row), pairs.replicate_b(row)];
    if (!layers.every((layer) => wanted.layers.has(layer))) continue;
    if (wanted.replicate !== "mean" && !replicates.map(String).includes(wanted.replicate)) continue;
    const key = JSON.stringify([pairs.method_b(row), pairs.round_b(row), ...layers]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  return [...groups.values()].map((rows) => averaged(rows, pairs, columns, study, wanted));
}

function averaged(rows, pairs, columns, study, wanted) {
  const [first] = rows;
  const all = (name) => (columns[name] ? rows.map(columns[name]) : []);
  const known = (name) => all(name).filter((number) => number !== null);
  const crossed = rows.some((row) => pairs.replicate_a(row) !== pairs.replicate_b(row));
  const values = known("value");
  const own = rows.filter((row) => columns.value(row) !== null);
  return {
    study: study.name,
    family: wanted.family,
    measure: wanted.measure,
    method: pairs.method_b(first),
    round: pairs.round_b(first),
    against: wanted.against,
    layerA: pairs.layer_a(first),
    layerB: pairs.layer_b(first),
    value: mean(values),
    ...uncertainty(own, values, columns, crossed),
    null: mean(known("null")),
    calibrated: columns.calibrated ? mean(known("calibrated")) : undefined,
    p: columns.p_value ? (known("p_value").length ? extent(known("p_value"))[1] : null) : undefined,
    averaged: values.length,
    of: rows.length,
    crossed,
    images: counted(all("n_images")),
    samples: counted(all("n_samples")),
    rankA: counted(all("rank_a")),
    rankB: counted(all("rank_b")),
    notes: unique(all("note").filter((note) => note !== null)),
    members: own.map((row) => ({ replicate: replicateWords(pairs, row, crossed), value: columns.value(row) })),
  };
}

function replicateWords(pairs, row, crossed) {
  return crossed ? `${pairs.replicate_a(row)} and ${pairs.replicate_b(row)}` : String(pairs.replicate_b(row));
}

/** The interval of a mean, and of what kind. Pairs that share a network are not independent: they have a range. */
function uncertainty(rows, values, columns, crossed) {
  if (rows.length === 1 && columns.ci_low && columns.ci_low(rows[0]) !== null) {
    return { low: columns.ci_low(rows[0]), high: columns.ci_high(rows[0]), interval: "95 % interval, over images" };
  }
  if (values.length < 2) return { low: null, high: null, interval: "" };
  const [low, high] = crossed ? extent(values) : interval(values);
  return { low, high, interval: crossed ? "range of the pairs" : "95 % interval, over replicates" };
}

/** Accuracy and density of the networks of some methods, averaged over replicates; round 0 is the dense network. */
function accuracies(study, wanted) {
  const points = [];
  for (const method of wanted.methods) {
    const own = study.networks.filter((network) => network.method === method);
    const base = own.some((network) => network.round === 0) ? [] : study.networks.filter(isDense);
    const rows = [...base, ...own].filter(
      (network) => wanted.replicate === "mean" || String(network.replicate) === wanted.replicate,
    );
    for (const round of unique(rows.map((network) => network.round)).sort((a, b) => a - b)) {
      const networks = rows.filter((network) => network.round === round);
      const known = (name) => networks.map((network) => network[name]).filter((number) => number != null);
      const values = known("test_accuracy");
      const [low, high] = interval(values);
      points.push({
        study: study.name,
        method,
        round,
        value: mean(values),
        low,
        high,
        interval: low === null ? "" : "95 % interval, over replicates",
        density: mean(known("density")),
        loss: mean(known("test_loss")),
        weights: counted(known("remaining_weights")),
        averaged: values.length,
        members: networks.map((network) => ({ replicate: String(network.replicate), value: network.test_accuracy })),
      });
    }
  }
  return points;
}

function isDense(network) {
  return network.method === "dense";
}
