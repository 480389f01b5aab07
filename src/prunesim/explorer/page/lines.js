// Charts of lines: over layers (names along x) or over shares (a logarithm along x).

/**
 * Draw lines.
 *
 * @param plan width, height; x ({names} or {shares, label}); y ([low, high], label); nullLine (points);
 *   series: list of {label, colour, dash, shape, strong, points: [{x, point}]}, x a name or a share
 * @returns {node, stops}: the SVG, and for reading it a list a series of {x, y, point, series}
 */
function lineChart(plan) {
  const { width, height } = plan;
  const names = plan.x.names;
  const upright = names && longest(names) * LETTER > (width - 60) / Math.max(1, names.length);
  const written = plan.y.written ?? short;
  const room = {
    left: 26 + LETTER * Math.max(...ticks(plan.y.ends, 5).map((tick) => written(tick).length)),
    right: 14,
    top: 12,
    bottom: names && upright ? Math.min(16, longest(names)) * 6.2 + 14 : 40,
  };
  const [left, right, top, bottom] = [room.left, width - room.right, room.top, height - room.bottom];
  const y = linear(plan.y.ends, [bottom, top]);
  const [x, axis] = names
    ? [nameScale(names, left, right), nameAxis(names, left, right, bottom, upright)]
    : shareAxis(plan.x, left, right, bottom);
  const node = mark("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  node.append(valueAxis({ ...plan.y, written }, y, left, right), axis);
  if (plan.nullLine)
    node.append(
      mark("path", {
        class: "null",
        d: path(plan.nullLine.map((one) => ({ x: x(one.x), y: one.y === null ? null : y(one.y) }))),
      }),
    );
  const clip = (value) => Math.max(top, Math.min(bottom, value));
  const stops = [];
  // The strong line is drawn last, above the others.
  for (const series of [...plan.series].sort((a, b) => Number(a.strong) - Number(b.strong))) {
    const placed = series.points.map(({ x: where, point }) => ({
      x: x(where),
      y: point.shown === null ? null : clip(y(point.shown)),
      point,
      series,
    }));
    if (series.strong) node.append(...intervals(placed, y, clip, series));
    node.append(...drawnLine(placed, series));
    stops.push(placed.filter((stop) => stop.y !== null));
  }
  return { node, stops: stops.filter((line) => line.length), bounds: { left, right, top, bottom } };
}

function longest(names) {
  return names.reduce((most, name) => Math.max(most, Math.min(16, name.length)), 0);
}

function path(points) {
  let down = false;
  return points
    .map(({ x, y }) => {
      if (y === null) return (down = false) || "";
      const step = `${down ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
      down = true;
      return step;
    })
    .join("");
}

function drawnLine(placed, { colour: stroke, dash, shape, strong }) {
  const line = mark("path", {
    class: "series",
    d: path(placed),
    stroke,
    "stroke-width": strong ? 3 : 1.5,
    "stroke-dasharray": dash,
  });
  const size = strong ? 4.5 : 2.5;
  return [
    line,
    ...placed.filter(({ y }) => y !== null).map(({ x, y }) => symbol(shape ?? 0, x, y, size, { fill: stroke })),
  ];
}

/** Bars of the interval, as long as the axis goes, and the single replicates beside them. */
function intervals(placed, y, clip, { colour: stroke }) {
  return placed.flatMap(({ x, point }) => {
    const parts = [];
    if (point.bar) {
      const [low, high] = point.bar.map((end) => clip(y(end)));
      // A bar that goes on beyond the chart has no cap there.
      const caps = [low, high].map((end, index) => (end === y(point.bar[index]) ? `M${x - 4},${end}h8` : ""));
      parts.push(
        mark("path", {
          d: `M${x},${low}V${high}${caps.join("")}`,
          stroke,
          "stroke-width": 1.5,
          fill: "none",
          opacity: 0.45,
        }),
      );
    }
    if (point.dots.length > 1) {
      const dots = point.dots.slice(0, 40);
      parts.push(...dots.map((value) => mark("circle", { cx: x + 6, cy: clip(y(value)), r: 2, fill: stroke })));
    }
    return parts;
  });
}

function valueAxis({ ends: [low, high], label, written }, y, left, right) {
  const group = mark("g");
  for (const tick of ticks([low, high], 5)) {
    group.append(mark("path", { class: "grid", d: `M${left},${y(tick)}H${right}` }));
    group.append(mark("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end", class: "soft" }, written(tick)));
  }
  group.append(
    mark(
      "text",
      { class: "soft", transform: `translate(11 ${(y(low) + y(high)) / 2}) rotate(-90)`, "text-anchor": "middle" },
      label,
    ),
  );
  return group;
}

function nameScale(names, left, right) {
  const places = new Map(names.map((name, index) => [name, index]));
  const step = (right - left) / Math.max(1, names.length);
  return (name) => left + step * (places.get(name) + 0.5);
}

/** Names along an axis, upright where they do not fit side by side, and not all where they are too many for that. */
function nameAxis(names, left, right, bottom, upright) {
  const group = mark("g", {}, mark("path", { class: "axis", d: `M${left},${bottom}H${right}` }));
  const x = nameScale(names, left, right);
  const every = Math.ceil((names.length * 13) / Math.max(1, right - left));
  for (const name of names.filter((_, index) => index % (upright ? every : 1) === 0)) {
    const transform = upright
      ? `translate(${x(name) + 4} ${bottom + 8}) rotate(-90)`
      : `translate(${x(name)} ${bottom + 18})`;
    group.append(mark("text", { transform, "text-anchor": upright ? "end" : "middle" }, clipped(name, 16)));
  }
  return group;
}

/** Shares of weights left, from all at the left to few at the right. */
function shareAxis({ shares, label }, left, right, bottom) {
  const [least, most] = [Math.min(0.5, ...shares), Math.max(1, ...shares)];
  const x = logarithmic([most, least], [left + 10, right - 10]);
  const group = mark("g", {}, mark("path", { class: "axis", d: `M${left},${bottom}H${right}` }));
  let last = -Infinity;
  for (let power = 0; power >= Math.floor(Math.log10(least)); power -= 1) {
    for (const factor of [1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15]) {
      const tick = factor * 10 ** power;
      if (tick > most * 1.001 || tick < least * 0.999 || x(tick) - last < 44) continue;
      last = x(tick);
      group.append(mark("path", { class: "axis", d: `M${last},${bottom}v4` }));
      group.append(mark("text", { x: last, y: bottom + 17, "text-anchor": "middle", class: "soft" }, share(tick)));
    }
  }
  group.append(mark("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle", class: "soft" }, label));
  return [x, group];
}
