// What is chosen, and the address that says so.

const PLAIN = ["family", "measure", "show", "method", "against", "replicate", "round", "lines"];

/** What can be chosen, given what is chosen already: for each key a list of [value, words]. */
function choices(studies, state) {
  const families = unique(studies.flatMap((study) => [...study.families.keys()]));
  const family = pick(families, state.family, "rounds");
  const holding = studies.filter((study) => study.families.has(family));
  const measures = unique(holding.flatMap((study) => [...study.families.get(family).measures.keys()]));
  const measure = pick(measures, state.measure, "cca_mean");
  const methods = unique(holding.flatMap((study) => [...study.contents.get(family).keys()]));
  const method = pick(
    methods,
    state.method,
    methods.find((name) => name !== "dense"),
  );
  const found = holding.map((study) => study.contents.get(family).get(method)).filter(Boolean);
  const againsts = unique(found.flatMap((rounds) => [...rounds.keys()]));
  const against = pick(againsts, state.against, "0");
  const rounds = unique(found.flatMap((one) => [...(one.get(against) ?? [])])).sort((a, b) => a - b);
  const scored = holding.some((study) => study.families.get(family).measures.get(measure)?.calibrated);
  const replicates = unique(studies.flatMap((study) => study.networks.map(({ replicate }) => String(replicate))));
  return {
    family: families.map((name) => [name, FAMILIES[name] ?? name]),
    measure: measures.map((name) => [name, MEASURES[name]?.label ?? name]),
    show: [["value", "value of the measure"], ...(scored ? [["calibrated", "calibrated against the null"]] : [])],
    method: methods.map((name) => [name, name]),
    against: againsts.map((name) => [name, againstWords(name)]),
    replicate: [
      ["mean", replicates.length === 1 ? "the only one" : "mean of all"],
      ...(replicates.length === 1 ? [] : replicates.map((name) => [name, `replicate ${name}`])),
    ],
    round: rounds.map((round) => [String(round), round === 0 ? "0 (dense)" : String(round)]),
    lines: [
      ["rounds", ""],
      ["methods", ""],
    ],
  };
}

function pick(values, wanted, preferred) {
  if (values.includes(wanted)) return wanted;
  return values.includes(preferred) ? preferred : (values[0] ?? "");
}

/** Return a state in which everything can be shown, and a sentence for each wish that cannot. */
function settled(studies, wish) {
  const state = { ...wish };
  const corrections = [];
  const preferred = { family: "rounds", measure: "cca_mean", against: "0" };
  for (const key of PLAIN) {
    // Again for each key: what is there depends on those before it.
    const possible = choices(studies, state)[key].map(([value]) => value);
    if (key === "method") preferred.method = possible.find((name) => name !== "dense");
    if (key === "round") preferred.round = possible.at(-1);
    const value = pick(possible, state[key], preferred[key]);
    if (state[key] !== undefined && value !== state[key]) {
      corrections.push(`There is no ${key} ${JSON.stringify(state[key])} here; shown is ${JSON.stringify(value)}.`);
    }
    state[key] = value;
  }
  const layers = unique(studies.flatMap((study) => study.layers));
  const missing = (state.layers ?? []).filter((layer) => !layers.includes(layer));
  if (missing.length)
    corrections.push(`There is no layer ${missing.map((name) => JSON.stringify(name)).join(", ")} here.`);
  state.layers = state.layers?.filter((layer) => layers.includes(layer)) ?? null;
  if (state.layers?.length === layers.length) state.layers = null;
  return { state, corrections };
}

function fromAddress(address) {
  const words = new URLSearchParams(address.replace(/^#/, ""));
  const state = { fit: words.get("fit") === "1", theme: words.get("theme") ?? "" };
  for (const key of PLAIN) if (words.has(key)) state[key] = words.get(key);
  if (words.has("layer")) state.layers = words.getAll("layer").filter(Boolean);
  return state;
}

function toAddress(state) {
  const words = new URLSearchParams();
  for (const key of PLAIN) words.set(key, state[key]);
  if (state.fit) words.set("fit", "1");
  if (state.theme) words.set("theme", state.theme);
  if (state.layers) for (const layer of state.layers.length ? state.layers : [""]) words.append("layer", layer);
  return `#${words}`;
}
