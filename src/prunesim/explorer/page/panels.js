// The four sections: what each shows of a study, in which words.
//
// A section has id, columns (of its rows), lines (of the card), title, about (words of a state), points (of a study),
// ends (of its scale, from the points of all studies) and draw, which returns {chart, legend, same}: same tells whether
// a stop of this chart belongs to a point of another one.

const SHORTEST = 240;

/** What is drawn of a point: the value of the measure with its interval, or the calibrated score, which has none. */
function drawnAs(show) {
  if (show === "calibrated") return (point) => ({ ...point, shown: point.calibrated ?? null, bar: null, dots: [] });
  return (point) => ({
    ...point,
    shown: point.value,
    bar: point.low === null || point.value === null ? null : [point.low, point.high],
    dots: point.members.map(({ value }) => value).filter((value) => value !== null),
  });
}

function shownOf(points) {
  return points.flatMap(({ shown }) => (shown === null ? [] : [shown]));
}

function wantedOf(state, study) {
  return {
    ...state,
    methods: [state.method],
    round: Number(state.round),
    layers: new Set(state.layers ?? study.layers),
    every: [...(study.contents.get(state.family)?.keys() ?? [])],
  };
}

function scoreLabel(state) {
  const label = MEASURES[state.measure]?.label ?? state.measure;
  return state.show === "calibrated" ? `calibrated ${label}` : label;
}

function smallerIsAlike(state) {
  return state.show === "value" && Boolean(MEASURES[state.measure]?.distance);
}

function inOrder(study, points) {
  const there = new Set(points.flatMap(({ layerA, layerB }) => [layerA, layerB]));
  return study.layers.filter((layer) => there.has(layer));
}

function roundsOf(points) {
  return unique(points.map(({ round }) => round)).sort((a, b) => a - b);
}

function ordered(count, index) {
  return colour(ORDER[theme()], count < 2 ? 1 : index / (count - 1));
}

function kind(index, label) {
  const colours = KINDS[theme()];
  return { label, colour: colours[index % colours.length], dash: DASHES[index % DASHES.length], shape: index };
}

const depth = {
  id: "depth",
  columns: COMPARISON_COLUMNS,
  lines: comparisonLines,
  ends: (points, state) => ends(shownOf(points), state.fit),
  title: (state) => `${capital(scoreLabel(state))} by layer`,
  about(state) {
    const which =
      state.lines === "methods"
        ? `Round ${state.round}, one line a method.`
        : "One line a round; the chosen one is thick.";
    const what = state.family === "layers" ? " Each layer with itself, by the spatial means of its channels." : "";
    return `${which}${what} Layers from the input to the output. ${intervalWords(state)}`;
  },
  points(study, state) {
    const wanted = wantedOf(state, study);
    const methods = state.lines === "methods";
    return comparisons(study, { ...wanted, methods: methods ? wanted.every : wanted.methods }).filter(
      (point) => point.layerA === point.layerB && (!methods || point.round === wanted.round),
    );
  },
  draw(study, state, points, width, scale) {
    const names = inOrder(study, points);
    const round = Number(state.round);
    const on = (some) =>
      some.map((point) => ({ x: point.layerB, point })).sort((a, b) => names.indexOf(a.x) - names.indexOf(b.x));
    const rounds = roundsOf(points);
    const series =
      state.lines === "methods"
        ? unique(points.map(({ method }) => method)).map((method, index) => ({
            ...kind(index, method),
            strong: method === state.method,
            points: on(points.filter((point) => point.method === method)),
          }))
        : rounds.map((one, index) => ({
            label: one === 0 ? "dense networks" : `round ${one}`,
            colour: one === round ? css("--accent") : ordered(rounds.length, index),
            strong: one === round,
            points: on(points.filter((point) => point.round === one)),
          }));
    const strong = series.find((one) => one.strong);
    const nullLine = state.show === "value" ? strong?.points.map(({ x, point }) => ({ x, y: point.null })) : undefined;
    const plan = { width, height: 330, x: { names }, y: { ends: scale, label: scoreLabel(state) }, series, nullLine };
    const chart = lineChart(plan);
    const legend = state.lines === "methods" ? series : shortened(series);
    return {
      chart,
      legend: [...legend, ...(nullLine?.some(({ y }) => y !== null) ? [NULL_LINE] : [])],
      same: sameLayer,
    };
  },
};

const map = {
  id: "map",
  columns: COMPARISON_COLUMNS,
  lines: comparisonLines,
  ends: (points, state) => tenths(shownOf(points), state.fit),
  title: (state) => `${capital(scoreLabel(state))}, ${state.family === "layers" ? "layer by layer" : "layer by round"}`,
  about: (state) =>
    `${smallerIsAlike(state) ? "Bright is alike (a small distance)" : "Bright is alike"}. ` +
    (state.family === "layers"
      ? `Down: the dense network; across: round ${state.round} of ${state.method}; by spatial means of channels.`
      : "Down: rounds, with ever fewer weights; the chosen one has a frame. Crossed out: no value."),
  points(study, state) {
    const wanted = wantedOf(state, study);
    return comparisons(study, wanted).filter((point) =>
      state.family === "layers" ? point.round === wanted.round : point.layerA === point.layerB,
    );
  },
  draw(study, state, points, width, scale) {
    const square = state.family === "layers";
    const layers = inOrder(study, points);
    const key = square ? (point) => [point.layerB, point.layerA] : (point) => [point.layerB, String(point.round)];
    const cells = new Map(points.map((point) => [JSON.stringify(key(point)), point]));
    const chart = cellChart({
      width,
      columns: layers,
      rows: square ? layers : roundsOf(points).map(String),
      cells: (column, row) => cells.get(JSON.stringify([column, row])),
      ends: scale,
      reversed: smallerIsAlike(state),
      rowLabel: square ? "layer, dense" : "round",
      columnLabel: square ? "layer, pruned" : "layer",
      written: (point) => point.shown.toFixed(2),
    });
    return {
      chart,
      legend: [
        { ramp: smallerIsAlike(state) ? [...CELLS].reverse() : CELLS, from: short(scale[0]), to: short(scale[1]) },
      ],
      same: sameCell,
    };
  },
};

const course = {
  id: "course",
  columns: COMPARISON_COLUMNS,
  lines: comparisonLines,
  ends: (points, state) => ends(shownOf(points), state.fit),
  title: (state) => `${capital(scoreLabel(state))} as weights are removed`,
  about: () => "One line a layer, pale at the input and strong at the output. The chosen round has an upright line.",
  points: (study, state) =>
    comparisons(study, wantedOf(state, study)).filter(({ layerA, layerB }) => layerA === layerB),
  draw(study, state, points, width, scale) {
    const layers = inOrder(study, points);
    const shares = densities(study, state);
    const series = layers.map((layer, index) => ({
      label: layer,
      colour: ordered(layers.length, index),
      dash: DASHES[index % DASHES.length],
      shape: index,
      points: points
        .filter((point) => point.layerB === layer && shares.has(point.round))
        .map((point) => ({ x: shares.get(point.round), point }))
        .sort((a, b) => b.x - a.x),
    }));
    const x = { shares: series.flatMap((one) => one.points.map((point) => point.x)), label: "weights left" };
    const chart = lineChart({ width, height: 330, x, y: { ends: scale, label: scoreLabel(state) }, series });
    return { chart, legend: series.length <= 16 ? series : shortened(series), same: sameRound };
  },
};

function densities(study, state) {
  const points = accuracies(study, { methods: [state.method], replicate: state.replicate });
  return new Map(points.filter(({ density }) => density > 0).map(({ round, density }) => [round, density]));
}

const accuracy = {
  id: "accuracy",
  columns: ACCURACY_COLUMNS,
  lines: accuracyLines,
  ends: (points, state) =>
    ends(
      [...shownOf(points), ...points.filter(({ method }) => method === state.method).flatMap(({ dots }) => dots)],
      true,
    ),
  title: () => "Test accuracy as weights are removed",
  about: (state) =>
    `One line a method; ${state.method} is thick, the chosen round has an upright line. The scale leaves 0 out.` +
    (state.replicate === "mean" ? " Bars: 95 % intervals over replicates (Student's t); dots: single replicates." : ""),
  points(study, state) {
    const methods = unique(study.networks.map(({ method }) => method)).filter((method) => method !== "dense");
    return accuracies(study, { methods: methods.length ? methods : ["dense"], replicate: state.replicate });
  },
  draw(study, state, points, width, scale) {
    const series = unique(points.map(({ method }) => method)).map((method, index) => ({
      ...kind(index, method),
      strong: method === state.method,
      points: points
        .filter((point) => point.method === method && point.density > 0)
        .map((point) => ({ x: point.density, point }))
        .sort((a, b) => b.x - a.x),
    }));
    const x = { shares: points.map(({ density }) => density).filter((density) => density > 0), label: "weights left" };
    const chart = lineChart({ width, height: 330, x, y: { ends: scale, label: "test accuracy" }, series });
    return { chart, legend: series, same: sameRound };
  },
};

const SECTIONS = [depth, map, course, accuracy];

// Which stop of another chart belongs to a point.
const sameLayer = (one, other) => one.layerB !== undefined && one.layerB === other.layerB;
const sameRound = (one, other) => one.round === other.round && (one.round === 0 || one.method === other.method);
const sameCell = (one, other) => sameLayer(one, other) && one.layerA === other.layerA && one.round === other.round;

function intervalWords(state) {
  if (state.show === "calibrated") return "A calibrated score has no interval.";
  if (state.replicate !== "mean") return "Bars: 95 % intervals over images (jackknife).";
  if (state.family === "replicates")
    return "Bars: range of the pairs of replicates, which is no interval: pairs share networks.";
  return "Bars: 95 % intervals over replicates (Student's t), over images where there is one; dots: single replicates.";
}
