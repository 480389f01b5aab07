// Elements, scales and colours.

const SVG = "http://www.w3.org/2000/svg";
const LETTER = 6.7; // pixels, a letter of an axis on average

/** An HTML element. Text is always set as text, never as HTML: names come from tables. */
function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
function mark(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function linear([from, to], [start, end]) {
  const slope = (end - start) / (to - from || 1);
  return (value) => start + (value - from) * slope;
}

function logarithmic([from, to], range) {
  const scale = linear([Math.log(from), Math.log(to)], range);
  return (value) => scale(Math.log(value));
}

/** Round numbers between two ends, about as many as wanted. */
function ticks([low, high], wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999);
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + step * 1e-6; tick += 1) {
    found.push(Number((tick * step).toPrecision(12)));
  }
  return found;
}

/** Ends of an axis of numbers: 0 to 1 for what lies in it, unless it is to fit; then, or beyond it, round numbers. */
function ends(numbers, fit) {
  const [low, high] = numbers.length ? extent(numbers) : [0, 1];
  if (!fit) return [Math.min(0, roundDown(low, 0.5)), Math.max(1, -roundDown(-high, 0.5))];
  const margin = (high - low || 0.1) * 0.06;
  return [low - margin, high + margin];
}

/** Ends of a scale of colours: tenths that hold all values, as in the figures, unless it is to fit. */
function tenths(numbers, fit) {
  const [low, high] = numbers.length ? extent(numbers) : [0, 1];
  if (fit && high > low) return [low, high];
  const [from, to] = [Math.floor(low * 10 + 1e-6) / 10, Math.ceil(high * 10 - 1e-6) / 10];
  return to > from ? [from, to] : [from - 0.1, to + 0.1];
}

function roundDown(number, step) {
  return Math.floor(number / step) * step;
}

function mixed(stops, share) {
  const place = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const channel = (colour, index) => parseInt(colour.slice(1 + 2 * index, 3 + 2 * index), 16);
  return [0, 1, 2].map((index) => {
    const [a, b] = [channel(stops[left], index), channel(stops[left + 1], index)];
    return Math.round(a + (b - a) * (place - left));
  });
}

function colour(stops, share) {
  return `rgb(${mixed(stops, share).join(",")})`;
}

/** Black or white, whichever is read better on a colour (relative luminance of WCAG 2). */
function readable(stops, share) {
  const [r, g, b] = mixed(stops, share).map((byte) => {
    const one = byte / 255;
    return one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

// Cells: from dark to bright in evenly spaced lightness, told apart by all who see colours differently.
const CELLS = ["#0b2350", "#2d4270", "#57606f", "#7f7c75", "#a99b6c", "#d3bd58", "#fbe34c"];
// Lines in order: early rounds pale, late ones strong, on white and on black.
const ORDER = {
  light: ["#9db8d6", "#5b8cc0", "#275f9e", "#08305f"],
  dark: ["#4d739f", "#6c9bd0", "#97bfe8", "#e3f0ff"],
};
// Lines of separate things; shape and dashes differ as well.
const KINDS = {
  light: ["#0b4fa8", "#1a7a4c", "#7a3f9c", "#8a6400", "#0f7484", "#a3265f"],
  dark: ["#7fb6ff", "#6fd3a0", "#d3a4f2", "#e8d36a", "#6fd0e0", "#ff9ac0"],
};
const DASHES = [undefined, "7 3", "2 3", "9 3 2 3"];

function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

/** Symbols of about the same area: circle, square, triangle, diamond, cross, star of lines. */
function symbol(kind, x, y, size, attributes) {
  const s = size;
  const d = [
    `M${x - s},${y}a${s},${s} 0 1,0 ${2 * s},0a${s},${s} 0 1,0 ${-2 * s},0`,
    `M${x - s * 0.9},${y - s * 0.9}h${s * 1.8}v${s * 1.8}h${-s * 1.8}z`,
    `M${x},${y - s * 1.2}l${s * 1.15},${s * 2}h${-s * 2.3}z`,
    `M${x},${y - s * 1.3}l${s * 1.3},${s * 1.3}l${-s * 1.3},${s * 1.3}l${-s * 1.3},${-s * 1.3}z`,
    `M${x - s},${y + s * 1.2}l${s},${-s * 0.9}l${s},${s * 0.9}v${-s * 2.2}l${-s},${s * 0.7}l${-s},${-s * 0.7}z`,
    `M${x - s * 1.1},${y - s * 0.4}h${s * 2.2}v${s * 0.8}h${-s * 2.2}z`,
  ][kind % 6];
  return mark("path", { d, ...attributes });
}

/** A colour of the style sheet. */
function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
