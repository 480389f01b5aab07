// Words and numbers as the page writes them.

const FAMILIES = {
  rounds: "rounds with earlier rounds",
  layers: "layers with all layers",
  replicates: "replicates with replicates",
  functional: "predictions",
};

const PER_CENT = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A measured number with four digits; a dash where there is none. */
function short(number) {
  return number === null ? "–" : String(Number(number.toPrecision(4)));
}

/** A share as text in per cent, spaced as in the figures. */
function share(number) {
  return number === null ? "–" : PER_CENT.format(number).replace("%", " %");
}

/** A count, or what several rows say of it: "360" or "12 to 16". */
function counted(numbers) {
  const known = numbers.filter((number) => number !== null);
  if (!known.length) return "";
  const [low, high] = extent(known);
  return low === high ? WHOLE.format(low) : `${WHOLE.format(low)} to ${WHOLE.format(high)}`;
}

function extent(numbers) {
  return numbers.reduce(
    ([low, high], number) => [Math.min(low, number), Math.max(high, number)],
    [Infinity, -Infinity],
  );
}

function mean(numbers) {
  return numbers.length ? numbers.reduce((sum, number) => sum + number, 0) / numbers.length : null;
}

function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function clipped(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function unique(values) {
  return [...new Set(values)];
}

// The 0.975 quantile of Student's t with 1, 2, ... degrees of freedom.
const QUANTILES = [
  12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216, 2.22814, 2.20099, 2.17881, 2.16037,
  2.14479, 2.13145, 2.11991, 2.10982, 2.10092, 2.09302, 2.08596,
];

/** The 0.975 quantile of Student's t; beyond the table by its expansion about the normal one (Fisher and Cornish). */
function quantile(freedom) {
  if (freedom <= QUANTILES.length) return QUANTILES[freedom - 1];
  const z = 1.959964;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + first / freedom + second / freedom ** 2 + third / freedom ** 3;
}

/** The 95 % interval of Student's t over independent values. */
function interval(numbers) {
  const middle = mean(numbers);
  if (numbers.length < 2) return [null, null];
  const squares = numbers.reduce((sum, number) => sum + (number - middle) ** 2, 0);
  const half = (quantile(numbers.length - 1) * Math.sqrt(squares / (numbers.length - 1))) / Math.sqrt(numbers.length);
  return [middle - half, middle + half];
}
