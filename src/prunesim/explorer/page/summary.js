// The sentence above the charts.

/** What a view says, in words. */
function summary(study, state, charts) {
  const what = `${capital(scoreLabel(state))}, round ${state.round} of ${state.method}`;
  const round = Number(state.round);
  const points = charts
    .filter((chart) => chart.id === "depth" && chart.study === study)
    .flatMap((chart) =>
      chart.points.filter((point) => point.round === round && (round === 0 || point.method === state.method)),
    )
    .filter(({ shown }) => shown !== null)
    .sort((a, b) => (smallerIsAlike(state) ? a.shown - b.shown : b.shown - a.shown));
  const networks = accuracies(study, { methods: [state.method], replicate: state.replicate });
  const [now, dense] = [networks.find((one) => one.round === round), networks.find((one) => one.round === 0)];
  const parts = [`${what} compared with ${againstWords(state.against)}`];
  if (state.replicate !== "mean") parts[0] += `, replicate ${state.replicate}`;
  else if (now?.averaged > 1) parts[0] += `, mean of ${plural(now.averaged, "replicate")}`;
  if (!points.length) parts.push("there is no value");
  else if (points.length === 1) parts.push(`${points[0].layerB} ${short(points[0].shown)}`);
  else {
    const [most, least] = [points[0], points.at(-1)].map(({ layerB, shown }) => `${layerB} (${short(shown)})`);
    parts.push(`most alike at ${most}, least at ${least}`);
  }
  const words = `${parts.join(": ")}.`;
  if (!now || now.value === null) return words;
  const before = dense && dense.value !== null && round !== 0 ? `; the dense network has ${short(dense.value)}` : "";
  return `${words} ${share(now.density)} of the weights are left, test accuracy is ${short(now.value)}${before}.`;
}
