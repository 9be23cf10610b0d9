// The columns of the list: what they show and what they are sorted by.
//
// `data` holds the windows, the chosen rank, the masks and the chosen one of them, and the
// predictions. A window is named by its place.

const COLUMNS = [
  {
    key: "id",
    width: "minmax(6em, 1.2fr)",
    title: "Id",
    isShown: () => true,
    cell: (data, place) => text(visible(data.windows.ids[place], 96)),
    sortKey: (data) => {
      const places = idPlaces(data.windows);
      return (place) => places[place];
    },
  },
  {
    key: "window",
    width: "5em",
    title: "Window",
    isNumber: true,
    isSide: true,
    isShown: (data) => data.windows.window.some((window) => window > 0),
    cell: (data, place) => text(String(data.windows.window[place])),
    sortKey: (data) => (place) => data.windows.window[place],
  },
  {
    key: "bases",
    width: "4.6em",
    title: "Bases",
    isNumber: true,
    isSide: true,
    isShown: () => true,
    cell: (data, place) => text(count(data.windows.end[place] - data.windows.start[place])),
    sortKey: (data) => (place) => data.windows.end[place] - data.windows.start[place],
  },
  {
    key: "split",
    width: "4.2em",
    title: "Split",
    isSide: true,
    isShown: (data) => data.windows.splits.words.length > 0,
    cell: (data, place) => text(data.windows.splits.word(data.windows.split[place]) ?? "–"),
    sortKey: (data) => byWord(data.windows.splits, data.windows.split),
  },
  {
    key: "label",
    width: "minmax(4.5em, 1fr)",
    title: "Label",
    isShown: (data) => data.hasLabels,
    cell: (data, place) => taxonCell(data, data.windows.labels.get(data.rank)[place]),
    sortKey: (data) => byWord(data.windows.taxa.get(data.rank), data.windows.labels.get(data.rank)),
  },
  {
    key: "predicted",
    width: "minmax(6em, 1.25fr)",
    title: "Predicted",
    isShown: (data) => Boolean(predictionOf(data)),
    cell: (data, place) => {
      const cell = taxonCell(data, predictionOf(data).taxon[place]);
      const verdict = data.predictions.verdict(data.rank, place);
      return { ...cell, verdict };
    },
    sortKey: (data) => byWord(data.windows.taxa.get(data.rank), predictionOf(data).taxon),
  },
  {
    key: "verdict",
    width: "4.2em",
    title: "Right",
    isSide: true,
    isShown: (data) => data.hasLabels && Boolean(predictionOf(data)),
    cell: (data, place) => {
      const verdict = data.predictions.verdict(data.rank, place);
      return text(verdict === null ? "–" : verdict ? "right" : "wrong");
    },
    sortKey: (data) => (place) => {
      const verdict = data.predictions.verdict(data.rank, place);
      return verdict === null ? NaN : Number(verdict);
    },
  },
  {
    key: "confidence",
    width: "6.5em",
    title: "Confidence, %",
    isNumber: true,
    isShown: (data) => Boolean(predictionOf(data)),
    cell: (data, place) => text(percent(predictionOf(data).confidence[place]) || "–"),
    sortKey: (data) => (place) => predictionOf(data).confidence[place],
  },
  {
    key: "area",
    width: "4.4em",
    title: "Area, %",
    isNumber: true,
    isShown: (data) => Boolean(data.choice),
    cell: (data, place) => text(percent(data.choice.area[place]) || "–"),
    sortKey: (data) => (place) => data.choice.area[place],
  },
];

function text(shown) {
  return { shown, verdict: null };
}

function predictionOf(data) {
  return data.predictions?.byRank.get(data.rank);
}

function taxonCell(data, number) {
  const word = data.windows.taxa.get(data.rank).word(number);
  return text(word === null ? "–" : visible(word, 96));
}

function byWord(words, numbers) {
  const places = words.places();
  return (place) => (numbers[place] === NO_WORD ? NaN : places[numbers[place]]);
}

/** For each window the place of its id among all ids in order; made once. */
function idPlaces(windows) {
  if (windows.idPlaces?.length !== windows.length) {
    const order = Uint32Array.from({ length: windows.length }, (_, place) => place);
    order.sort((a, b) => compareTexts(windows.ids[a], windows.ids[b]) || a - b);
    windows.idPlaces = new Uint32Array(windows.length);
    order.forEach((place, i) => (windows.idPlaces[place] = i));
  }
  return windows.idPlaces;
}
