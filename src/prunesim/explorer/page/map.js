// Maps of cells: layers across, rounds or layers down.

const LEAST = 15; // pixels, a cell that still holds something to point at

/**
 * Draw a map.
 *
 * @param plan width; columns, rows (names); cells: a function of column and row to a point or undefined; ends;
 *   reversed (bright is a small number); rowLabel, columnLabel; written: a function of a point to the text in its cell
 * @returns {node, stops}, as `lineChart`; stops are a list a row
 */
function cellChart(plan) {
  const {
    width,
    columns,
    rows,
    ends: [low, high],
  } = plan;
  const left =
    Math.min(
      16,
      rows.reduce((most, name) => Math.max(most, name.length), 1),
    ) *
      LETTER +
    26;
  const across = (width - left - 6) / Math.max(1, columns.length);
  const down = Math.max(LEAST, Math.min(30, 420 / Math.max(1, rows.length)));
  const upright = longest(columns) * LETTER > across;
  const foot = (upright ? longest(columns) * 6.2 + 14 : 22) + 16;
  const bottom = 6 + down * rows.length;
  const height = bottom + foot;
  const node = mark("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const share = linear(plan.reversed ? [high, low] : [low, high], [0, 1]);
  const stops = rows.map((row, index) => {
    const y = 6 + down * index;
    const every = Math.ceil((rows.length * 13) / (down * rows.length));
    if (index % every === 0) {
      node.append(mark("text", { x: left - 6, y: y + down / 2 + 4, "text-anchor": "end" }, clipped(row, 16)));
    }
    return columns.flatMap((column, place) => {
      const point = plan.cells(column, row);
      if (!point) return [];
      const box = { x: left + across * place, y, width: across, height: down };
      node.append(...cell(point, box, share, plan));
      return [{ x: box.x + across / 2, y: y + down / 2, box, point, series: { label: row } }];
    });
  });
  node.append(nameAxis(columns, left, left + across * columns.length, bottom, upright));
  node.append(
    mark(
      "text",
      { class: "soft", x: left + (across * columns.length) / 2, y: height - 4, "text-anchor": "middle" },
      plan.columnLabel,
    ),
  );
  node.append(
    mark(
      "text",
      { class: "soft", transform: `translate(11 ${(6 + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" },
      plan.rowLabel,
    ),
  );
  return { node, stops: stops.filter((row) => row.length), bounds: { left, right: width - 6, top: 6, bottom } };
}

function cell(point, { x, y, width, height }, share, plan) {
  if (point.shown === null) {
    const [right, bottom] = [x + width - 3, y + height - 3];
    const cross = `M${x + 3},${y + 3}L${right},${bottom}M${right},${y + 3}L${x + 3},${bottom}`;
    return [mark("path", { class: "grid", d: cross })];
  }
  const place = share(point.shown);
  const parts = [
    mark("rect", { x: x + 0.5, y: y + 0.5, width: width - 1, height: height - 1, fill: colour(CELLS, place) }),
  ];
  if (width >= 32 && height >= 14) {
    const text = mark(
      "text",
      { x: x + width / 2, y: y + height / 2 + 4, "text-anchor": "middle" },
      plan.written(point),
    );
    // The style sheet colours text for the page, not for a cell.
    text.style.fill = readable(CELLS, place);
    parts.push(text);
  }
  return parts;
}
