// Keys of the charts.

const NULL_LINE = { label: "null: images permuted", null: true };

/** Of many lines in order one key for all of them, and the strong one. */
function shortened(series) {
  if (series.length <= 4)
    return series.map((one) => ({ ...one, label: one.strong ? `${one.label} (chosen)` : one.label }));
  const strong = series.filter((one) => one.strong).map((one) => ({ ...one, label: `${one.label} (chosen)` }));
  return [{ ramp: ORDER[theme()], from: series[0].label, to: series.at(-1).label }, ...strong];
}

function legendItem(item) {
  const key = mark("svg", { width: item.ramp ? 120 : 30, height: 14, "aria-hidden": "true" });
  if (item.ramp) {
    for (let step = 0; step < 60; step += 1) {
      key.append(mark("rect", { x: step * 2, y: 1, width: 2.2, height: 12, fill: colour(item.ramp, step / 59) }));
    }
    return element("li", {}, item.from, key, item.to);
  }
  if (item.null) key.append(mark("path", { class: "null", d: "M0,7H30" }));
  else {
    key.append(
      mark("path", {
        d: "M0,7H30",
        stroke: item.colour,
        "stroke-width": item.strong ? 3 : 1.5,
        "stroke-dasharray": item.dash,
      }),
    );
    key.append(symbol(item.shape ?? 0, 15, 7, item.strong ? 4.5 : 3, { fill: item.colour }));
  }
  return element("li", {}, key, item.label);
}
