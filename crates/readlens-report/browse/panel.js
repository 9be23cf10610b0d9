// The panel of the chosen window.

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
    `strand ${visible(windows.strand[place], 20)}`,
    `window ${windows.window[place]}`,
  ];
  if (split !== null) facts.push(`split ${visible(split, 40)}`);
  return [
    element("h2", { id: "panel-heading", tabindex: "-1" }, name(windows.ids[place])),
    element("p", { class: "quiet" }, facts.join(" · ")),
    ...taxaTable(data, place),
  ];
}

function maskLine(data, shown) {
  if (!shown.hasMask) return element("p", { class: "quiet" }, "The masks table has no mask of this window for this choice. The bases are shown without one.");
  const area = percent(data.choice.area[shown.place]);
  return element("p", {}, `Mask of ${data.choice.title(true)}: area ${area}\u00a0%.`);
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
