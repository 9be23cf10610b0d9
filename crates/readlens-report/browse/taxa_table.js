// The table of a window's labels and predictions.

function taxaTable(data, place) {
  const { windows, predictions } = data;
  const ranks = windows.ranks.filter((rank) => windows.labels.get(rank)[place] !== NO_WORD || predictions?.byRank.has(rank));
  if (ranks.length === 0) return [];
  const cell = (...children) => element("td", {}, ...children);
  const taxon = (rank, number) => (number === NO_WORD ? "–" : name(windows.taxa.get(rank).word(number)));
  // Without calibration both are the same.
  const isCalibrated = ranks.some((rank) => {
    const said = predictions?.byRank.get(rank);
    return said && said.probability[place] !== said.confidence[place];
  });
  const figures = isCalibrated ? ["Probability, %", "Confidence, %"] : ["Confidence, %"];
  const head = element(
    "tr",
    {},
    ...["Rank", "Label", ...(predictions ? ["Predicted"] : [])].map((title) => element("th", { scope: "col" }, title)),
    ...(predictions ? figures : []).map((title) => element("th", { scope: "col", class: "number" }, title)),
    predictions ? element("th", { scope: "col" }, "Runner-up") : null,
  );
  const rows = ranks.map((rank) => {
    const cells = [
      element("th", { scope: "row" }, spaced(rank)),
      cell(taxon(rank, windows.labels.get(rank)[place])),
    ];
    const said = predictions?.byRank.get(rank);
    if (said) {
      const verdict = predictions.verdict(rank, place);
      const kind = verdict === null ? "" : verdict ? "right" : "wrong";
      const words = kind === "wrong" ? element("span", { class: "visually-hidden" }, " (wrong)") : null;
      const runnerUp = percent(said.runnerUpProbability[place]);
      cells.push(
        cell(element("span", { class: kind }, taxon(rank, said.taxon[place]), words)),
        isCalibrated ? element("td", { class: "number" }, percent(said.probability[place])) : null,
        element("td", { class: "number" }, percent(said.confidence[place])),
        cell(taxon(rank, said.runnerUp[place]), runnerUp ? ` ${runnerUp}\u00a0%` : ""),
      );
    }
    return element("tr", {}, ...cells);
  });
  const table = element("table", { class: "lineage" }, element("thead", {}, head), element("tbody", {}, ...rows));
  return [element("div", { class: "scroll" }, table)];
}
