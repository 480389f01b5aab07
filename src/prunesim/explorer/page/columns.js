// The tables, from the compact columns that prunesim.explorer.columns makes.

function bytes(text) {
  const characters = atob(text);
  const found = new Uint8Array(characters.length);
  for (let place = 0; place < found.length; place += 1) found[place] = characters.charCodeAt(place);
  return found;
}

/** Return a function from a row to its value; null where there is none. Unpacked when it is first asked. */
function column(packed) {
  if (packed === undefined) return () => null;
  if ("same" in packed) return () => packed.same;
  let read = null;
  return (row) => {
    read ??= "floats" in packed ? floats(packed.floats) : codes(packed);
    return read(row);
  };
}

function floats(text) {
  const numbers = new Float32Array(bytes(text).buffer);
  // Four bytes hold six digits; what would follow is noise.
  return (row) => (Number.isNaN(numbers[row]) ? null : Number(numbers[row].toPrecision(6)));
}

function codes({ of, codes: text }) {
  const kinds = [Uint8Array, Uint16Array, Uint32Array];
  const Kind = kinds[of.length <= 1 << 8 ? 0 : of.length <= 1 << 16 ? 1 : 2];
  const numbers = new Kind(bytes(text).buffer);
  return (row) => of[numbers[row]];
}

function columnsOf(packed) {
  return Object.fromEntries(Object.entries(packed).map(([name, one]) => [name, column(one)]));
}

/** Return a study with functions for columns. */
function unpack(study) {
  const families = new Map();
  for (const [name, { count, pairs, measures }] of Object.entries(study.families)) {
    const unpacked = Object.entries(measures).map(([measure, columns]) => [measure, columnsOf(columns)]);
    families.set(name, { count, pairs: columnsOf(pairs), measures: new Map(unpacked) });
  }
  const { networks } = study;
  const rows = networks.replicate.map((_, row) =>
    Object.fromEntries(Object.entries(networks).map(([name, values]) => [name, values[row]])),
  );
  return { name: study.name, layers: study.layers, networks: rows, families };
}
