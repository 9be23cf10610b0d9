// The list of the stretches in a window, and the buttons that show and copy them.

// Stretches that are listed at once.
const MAX_STRETCHES = 200;

/** What is listed below the tracks: the table's stretches, or the runs of the hard mask. */
function listedStretches(shown) {
  return shown.isFromTable ? shown.stretches : shown.runs;
}

function stretchList(data, shown, zoom) {
  if (!shown.hasMask) return [];
  const all = listedStretches(shown);
  const source = shown.isFromTable ? `Stretches of ${data.facts.tables.stretches.name}` : "Runs of the hard mask in this window";
  const heading = element("h3", {}, `${visible(source, 120)}: ${all.length}`);
  if (all.length === 0) return [heading];
  const id = data.windows.ids[shown.place];
  const fasta = (stretch) => fastaOf(id, shown.letters, shown.start, clippedTo(stretch, shown.start, shown.end));
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, "Bases"),
    ...["Length", "Mean", "Peak"].map((title) => element("th", { scope: "col", class: "number" }, title)),
    element("td", {}),
  );
  const rows = all.slice(0, MAX_STRETCHES).map((stretch) => {
    const where = placeInWords(stretch.start, stretch.end);
    const isCut = stretch.start < shown.start || stretch.end > shown.end;
    const show = () => {
      const part = clippedTo(stretch, shown.start, shown.end);
      zoom.look((part.start + part.end) / 2 - shown.start, Math.max((part.end - part.start) * 1.2, 60));
    };
    return element(
      "tr",
      {},
      element("td", {}, where.slice("bases ".length), isCut ? element("small", {}, "goes beyond this window") : null),
      element("td", { class: "number" }, count(stretch.end - stretch.start)),
      element("td", { class: "number" }, stretch.mean.toFixed(2)),
      element("td", { class: "number" }, stretch.peak.toFixed(2)),
      element(
        "td",
        { class: "acts" },
        button("Show", show, { "aria-label": `Show ${where}` }),
        button("Copy as FASTA", () => copy(fasta(stretch), where), { "aria-label": `Copy as FASTA: ${where}` }),
      ),
    );
  });
  const table = element("table", { class: "stretches" }, element("thead", {}, head), element("tbody", {}, ...rows));
  const copyAll = button("Copy all as FASTA", () => copy(all.map(fasta).join(""), plural(all.length, "stretch", "stretches")));
  const more = all.length > MAX_STRETCHES ? element("p", { class: "quiet" }, `The first ${MAX_STRETCHES} are listed.`) : null;
  return [heading, element("div", { class: "scroll" }, table), more, copyAll];
}
