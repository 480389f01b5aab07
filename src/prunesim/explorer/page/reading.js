// Reading a chart: a cursor that pointer and keyboard move from stop to stop, a card beside it and words for a reader
// of the screen.

/**
 * Make a chart readable.
 *
 * @param chart what `lineChart` or `cellChart` returned
 * @param about label; lines: a function of a stop to [title, [[name, value], ...]]; select, linked: called with a point
 */
function makeReadable(chart, about) {
  const { node, stops } = chart;
  filled(node, { tabindex: 0, role: "application", "aria-roledescription": "chart", "aria-label": about.label }, []);
  const ring = mark("path", { class: "cursor", d: "" });
  node.append(ring);
  let at = null;

  function move(stop, spoken) {
    if (stop === at && !spoken) return;
    at = stop;
    ring.setAttribute("d", stop ? outline(stop) : "");
    about.linked(stop?.point ?? null);
    if (!stop) return hideCard();
    const [title, lines] = about.lines(stop);
    showCard(node, stop, title, lines);
    if (spoken) say([title, ...lines.map((line) => line.join(" "))].join(". "));
  }

  node.addEventListener("pointermove", (event) => move(nearest(stops, place(node, event)), false));
  node.addEventListener("pointerdown", (event) => move(nearest(stops, place(node, event)), false));
  node.addEventListener("pointerleave", () => move(null, false));
  node.addEventListener("blur", () => move(null, false));
  node.addEventListener("click", () => at && about.select(at.point));
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if ((event.key === "Enter" || event.key === " ") && at) about.select(at.point);
    else if (event.key === "Escape") move(null, false);
    else if (ARROWS[event.key] && stops.length) move(stepped(stops, at, ARROWS[event.key]), true);
    else return;
    event.preventDefault();
  });
}

const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
  Home: [-Infinity, 0],
  End: [Infinity, 0],
};

function outline({ x, y, box }) {
  if (box) return `M${box.x},${box.y}h${box.width}v${box.height}h${-box.width}z`;
  return `M${x - 8},${y}a8,8 0 1,0 16,0a8,8 0 1,0 -16,0`;
}

function place(node, event) {
  const box = node.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function nearest(stops, { x, y }) {
  let [best, least] = [null, Infinity];
  for (const stop of stops.flat()) {
    const { box } = stop;
    if (box) {
      if (x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height) return stop;
      continue;
    }
    // Between lines what counts is the height; along a line, the nearest place on its axis.
    const distance = Math.hypot((stop.x - x) * 1.5, stop.y - y);
    if (distance < least) [best, least] = [stop, distance];
  }
  return best;
}

/** The next stop: along a line, or at the same place of the next line or row up or down. */
function stepped(stops, at, [along, up]) {
  if (!at) return (stops.find((line) => line[0].series.strong) ?? stops[0])[0];
  const line = stops.find((one) => one.includes(at));
  if (along) return line[Math.max(0, Math.min(line.length - 1, line.indexOf(at) + along))];
  const beside = stops.flat().filter((stop) => Math.abs(stop.x - at.x) < 1 && (at.y - stop.y) * up > 0);
  return (
    beside.reduce((best, stop) => (Math.abs(stop.y - at.y) < Math.abs(best.y - at.y) ? stop : best), beside[0]) ?? at
  );
}

function showCard(node, stop, title, lines) {
  const card = document.getElementById("reading");
  const terms = lines.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
  card.replaceChildren(element("p", {}, title), element("dl", {}, ...terms));
  card.hidden = false;
  const box = node.getBoundingClientRect();
  const [x, y] = [box.left + stop.x, box.top + stop.y];
  const beside = x + 16 + card.offsetWidth <= document.documentElement.clientWidth ? x + 16 : x - 16 - card.offsetWidth;
  const above = Math.max(4, Math.min(y - card.offsetHeight / 2, innerHeight - card.offsetHeight - 4));
  card.style.left = `${Math.max(4, beside) + scrollX}px`;
  card.style.top = `${(beside < 4 ? y + 16 : above) + scrollY}px`;
}

function hideCard() {
  document.getElementById("reading").hidden = true;
}

function say(words) {
  document.getElementById("spoken").textContent = words;
}
