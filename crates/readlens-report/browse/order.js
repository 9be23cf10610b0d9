// Which windows the list shows, and in which order.

/** What the reader of the page asks for. */
class Query {
  constructor() {
    this.text = "";
    this.split = "";
    this.verdict = "";
    /** From and to, as fractions; null where there is no end. */
    this.confidence = [null, null];
    this.area = [null, null];
    this.sort = null;
    this.isDescending = false;
  }
}

/** Places of the windows that `query` asks for, in its order. */
function placesOf(data, query) {
  const tests = testsOf(data, query);
  const places = new Uint32Array(data.windows.length);
  let found = 0;
  for (let place = 0; place < places.length; place += 1) {
    if (tests.every((test) => test(place))) places[found++] = place;
  }
  return sorted(places.subarray(0, found), query, data);
}

function testsOf(data, query) {
  const { windows, rank } = data;
  const tests = query.text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => has(data, word));
  if (query.split) {
    const split = windows.splits.words.indexOf(query.split);
    tests.push((place) => windows.split[place] === split);
  }
  if (query.verdict && data.predictions) {
    const wanted = { right: true, wrong: false, open: null }[query.verdict];
    tests.push((place) => data.predictions.verdict(rank, place) === wanted);
  }
  const confidence = data.predictions?.byRank.get(rank)?.confidence;
  if (confidence) tests.push(...within(query.confidence, confidence));
  if (data.choice) tests.push(...within(query.area, data.choice.area));
  return tests;
}

/** A test whether a word stands in the id or in a taxon, predicted or true, at any rank. */
function has(data, word) {
  const { windows, predictions } = data;
  windows.lowerIds ??= [];
  while (windows.lowerIds.length < windows.length) {
    windows.lowerIds.push(windows.ids[windows.lowerIds.length].toLowerCase());
  }
  const columns = [];
  for (const rank of windows.ranks) {
    const words = windows.taxa.get(rank).words;
    const fits = words.map((taxon) => taxon.toLowerCase().includes(word));
    if (!fits.includes(true)) continue;
    columns.push([fits, windows.labels.get(rank)]);
    const predicted = predictions?.byRank.get(rank)?.taxon;
    if (predicted) columns.push([fits, predicted]);
  }
  return (place) =>
    windows.lowerIds[place].includes(word) ||
    columns.some(([fits, taxa]) => fits[taxa[place]] === true);
}

/** Tests for a range of a figure; a window without the figure passes only an open range. */
function within([from, to], values) {
  const tests = [];
  if (from !== null) tests.push((place) => values[place] >= from);
  if (to !== null) tests.push((place) => values[place] <= to);
  return tests;
}

/** The places sorted by the column that the query names; equal ones stay in the table's order. */
function sorted(places, query, data) {
  const column = COLUMNS.find((known) => known.key === query.sort);
  if (!column) return places;
  const key = column.sortKey(data);
  const keys = new Float64Array(data.windows.length);
  for (const place of places) keys[place] = key(place);
  const sign = query.isDescending ? -1 : 1;
  return places.sort((a, b) => {
    const [x, y] = [keys[a], keys[b]];
    // Missing values stand last in either direction.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
    return sign * (x - y) || a - b;
  });
}
