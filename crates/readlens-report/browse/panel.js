// The panel of the chosen window.

// Letters that are written as text, and stretches that are listed, at once.
const MAX_LETTERS = 6_000;
const MAX_STRETCHES = 200;

class Panel {
  constructor(host, data) {
    Object.assign(this, { host, data, turn: 0 });
    new ResizeObserver(() => this.resized?.()).observe(host);
  }

  /** Shows the window at `place`; a later call overtakes an earlier one. */
  async show(place) {
    const turn = ++this.turn;
    this.host.setAttribute("aria-busy", "true");
    // A key that is held down passes over windows without reading them.
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (turn !== this.turn) return;
    let shown;
    try {
      shown = await readWindow(this.data, place);
    } catch (error) {
      if (turn === this.turn) this.replace(place, element("p", { class: "fault" }, failure(error)));
      return;
    }
    if (turn === this.turn) this.fill(shown);
  }

  replace(place, ...children) {
    this.draw = this.resized = null;
    const shown = [...headOf(this.data, place), ...children];
    this.host.replaceChildren(...shown.filter((child) => child !== null));
    this.host.setAttribute("aria-busy", "false");
    if (this.wantsFocus) this.focus();
  }

  /** Moves the focus to the heading, once the window that was chosen is there. */
  focus() {
    this.wantsFocus = this.host.getAttribute("aria-busy") === "true";
    if (!this.wantsFocus) byId("panel-heading").focus();
  }

  fill(shown) {
    const { place } = shown;
    if (!shown.letters) {
      this.replace(place, element("p", {}, "This window has no bases."));
      return;
    }
    const overview = drawn("svg", { class: "track overview", tabindex: "0", role: "slider", "aria-label": "Part of the window that is looked at" });
    const detail = drawn("svg", { class: "track", role: "img" });
    const readout = element("p", { class: "quiet readout" });
    const letters = element("pre", { class: "letters", tabindex: "0", "aria-label": "Bases with their mask as colour" });
    const text = element("details", { class: "bases" }, element("summary", {}, "The same bases as text"), letters);
    const zoom = new Zoom(shown.letters.length, () => this.draw?.());
    this.replace(
      place,
      maskLine(this.data, shown),
      element("div", { class: "scroll-track" }, overview),
      zoomButtons(zoom, shown, detail),
      readout,
      element("div", { class: "scroll-track" }, detail),
      legend(shown),
      text,
      ...stretchList(this.data, shown, zoom),
    );
    overview.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && zoom.key(event.key)) event.preventDefault();
    });
    dragged(overview, zoom);
    const write = () => {
      if (text.open) letters.replaceChildren(...lettersOf(shown, zoom));
    };
    text.addEventListener("toggle", write);
    this.draw = () => {
      drawTrack(overview, shown, { from: 0, to: zoom.length, part: zoom });
      drawTrack(detail, shown, zoom);
      const where = placeInWords(shown.start + zoom.from, shown.start + zoom.to);
      readout.textContent = `Looking at ${where}.`;
      detail.setAttribute("aria-label", `Mask on ${where}`);
      for (const [key, value] of [
        ["valuemin", shown.start],
        ["valuemax", shown.end],
        ["valuenow", shown.start + zoom.from],
        ["valuetext", where],
      ]) {
        overview.setAttribute(`aria-${key}`, value);
      }
      write();
    };
    const near = (centre) => zoom.look(centre, basesWithLetters(detail.parentElement.clientWidth));
    this.resized = () => {
      const hadLetters = detail.querySelector(".letter-cells") !== null;
      this.draw();
      if (hadLetters && !detail.querySelector(".letter-cells")) near(zoom.centre());
    };
    const strongest = listedStretches(shown).reduce((a, b) => (b.peak > (a?.peak ?? -1) ? b : a), null);
    const centre = strongest ? (strongest.start + strongest.end) / 2 - shown.start : 0;
    near(centre);
  }
}

function failure(error) {
  return error instanceof Unreadable ? error.message : `The window cannot be shown: ${visible(String(error), 300)}`;
}

/** `bases 120–180`, as the tables count them. */
function placeInWords(start, end) {
  return `bases ${count(start)}–${count(end)}`;
}

/** Heading, place and taxa of a window. */
function headOf(data, place) {
  const { windows } = data;
  const split = windows.splits.word(windows.split[place]);
  const facts = [
    placeInWords(windows.start[place], windows.end[place]),
    `strand ${windows.strand[place]}`,
    `window ${windows.window[place]}`,
  ];
  if (split !== null) facts.push(`split ${visible(split, 40)}`);
  return [
    element("h2", { id: "panel-heading", tabindex: "-1" }, name(windows.ids[place])),
    element("p", { class: "quiet" }, facts.join(" · ")),
    ...taxaTable(data, place),
  ];
}

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
        cell(taxon(rank, said.runnerUp[place]), runnerUp ? ` ${runnerUp} %` : ""),
      );
    }
    return element("tr", {}, ...cells);
  });
  const table = element("table", { class: "lineage" }, element("thead", {}, head), element("tbody", {}, ...rows));
  return [element("div", { class: "scroll" }, table)];
}

function maskLine(data, shown) {
  if (!shown.hasMask) return element("p", { class: "quiet" }, "The masks table has no mask of this window for this choice. The bases are shown without one.");
  const area = percent(data.choice.area[shown.place]);
  return element("p", {}, `Mask of ${data.choice.title(true)}: area ${area} %.`);
}

function legend(shown) {
  if (!shown.hasMask) return null;
  const keys = [["of-mask", "the mask, 0 to 1"], ["of-hard", "the hard mask: bases that count as read"]];
  if (shown.isFromTable) keys.push(["of-stretch", "stretches of the table"]);
  return element("ul", { class: "keys" }, ...keys.map(([kind, words]) => element("li", { class: kind }, words)));
}

function zoomButtons(zoom, shown, detail) {
  const near = () => zoom.look(zoom.centre(), basesWithLetters(detail.parentElement.clientWidth));
  return element(
    "div",
    { class: "buttons", role: "group", "aria-label": "Zoom" },
    button("−", () => zoom.scale(2), { "aria-label": "Zoom out", id: "zoom-out" }),
    button("+", () => zoom.scale(0.5), { "aria-label": "Zoom in", id: "zoom-in" }),
    button("◀", () => zoom.shift(-0.5), { "aria-label": "Towards the start" }),
    button("▶", () => zoom.shift(0.5), { "aria-label": "Towards the end" }),
    button("Bases", near, { id: "zoom-bases" }),
    button("Whole window", () => zoom.look(zoom.length / 2, zoom.length), { id: "zoom-whole" }),
  );
}

/** Lines of six blocks of ten letters of what is looked at, coloured by the mask. */
function lettersOf(shown, zoom) {
  const parts = [];
  const end = Math.min(zoom.to, zoom.from + MAX_LETTERS);
  const width = String(shown.start + end).length;
  for (let line = zoom.from; line < end; line += 60) {
    parts.push(element("span", { class: "at" }, String(shown.start + line).padStart(width)), "  ");
    const lineEnd = Math.min(line + 60, end);
    for (let from = line; from < lineEnd; ) {
      const level = levelOf(shown.values[from]);
      const block = Math.min(line + (Math.floor((from - line) / 10) + 1) * 10, lineEnd);
      let to = from + 1;
      while (to < block && levelOf(shown.values[to]) === level) to += 1;
      const letters = shown.letters.slice(from, to);
      parts.push(level === "x" ? letters : element("i", { class: level }, letters));
      if (to === block && to < lineEnd) parts.push(" ");
      from = to;
    }
    parts.push("\n");
  }
  if (end < zoom.to) parts.push(`… ${count(zoom.to - end)} more: zoom in.`);
  return parts;
}

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
