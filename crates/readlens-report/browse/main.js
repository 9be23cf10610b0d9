// The page: opens the tables, and connects list, fields and panel.

const facts = JSON.parse(byId("readlens-tables").textContent);

class Browser {
  /** `sourceOf(role)` promises the source of a table, or null where it is not to be had. */
  constructor(sourceOf) {
    this.sourceOf = sourceOf;
    this.query = new Query();
    this.data = { facts, tables: {}, rank: "", choice: null, masks: null, predictions: null, bases: null, stretches: null, hasLabels: false };
  }

  async open(role) {
    if (!(role in facts.tables)) return null;
    const { name: fileName, bytes } = facts.tables[role];
    const source = await this.sourceOf(role);
    if (source === null) {
      note(`Without ${visible(fileName, 200)}, ${WITHOUT[role]}.`);
      return null;
    }
    if (source.byteLength !== bytes) {
      note(`${visible(fileName, 200)} has ${count(source.byteLength)} bytes, but had ${count(bytes)} when this page was made. It may be of another run.`, true);
    }
    this.data.tables[role] = await Table.open(source, role);
    return this.data.tables[role];
  }

  /** What `read` makes of a table that the page can do without; null where there is none. */
  async optional(role, read) {
    try {
      const table = await this.open(role);
      return table && (await read(table));
    } catch (error) {
      fail(error);
      return null;
    }
  }

  async start() {
    say(`Reading ${visible(facts.tables.tokens.name, 200)} …`);
    const tokens = await this.open("tokens");
    await Windows.read(tokens, facts.ranks, (windows) => this.seen(windows));
    if (tokens.rows === 0) this.seen(new Windows(0, facts.ranks));
    this.refresh();
    const { data } = this;
    data.masks = await this.optional("masks", (table) => Masks.read(table, data.windows));
    this.filters.fillMasks();
    this.refresh();
    data.predictions = await this.optional("predictions", (table) => Predictions.read(table, data.windows));
    this.filters.fillPredictions();
    data.bases = await this.optional("bases", (table) => new BaseMasks(table));
    data.stretches = await this.optional("stretches", (table) => new Stretches(table));
    this.refresh();
    say("");
    this.isReady = true;
    if (this.chosen !== undefined) this.choose(this.chosen);
    else this.follow();
    window.addEventListener("hashchange", () => this.follow());
    performance.mark("ready");
  }

  /** Called whenever more windows have been read. */
  seen(windows) {
    this.data.windows = windows;
    if (!this.list) {
      this.filters = new Filters(this.data, this.query, (isOtherMask) => this.changed(isOtherMask));
      byId("browser").hidden = false;
      this.list = new WindowList(byId("grid"), (place) => this.choose(place), (key) => this.sortBy(key));
      this.panel = new Panel(byId("panel"), this.data);
      byId("grid").addEventListener("keydown", (event) => {
        if (event.key === "Enter" && event.target === byId("grid")) this.panel.focus();
      });
      byId("panel").addEventListener("keydown", (event) => {
        if (event.key === "Escape") byId("grid").focus();
      });
    }
    this.filters.fillSplits();
    // Drawing after each of many row groups would take longer than reading them.
    if (performance.now() < this.nextDrawing) return;
    this.refresh();
    if (!this.nextDrawing) requestAnimationFrame(() => performance.mark("first-row"));
    this.nextDrawing = performance.now() + 300;
  }

  refresh() {
    const { data, query } = this;
    data.hasLabels = data.windows.hasLabels(data.rank);
    const places = placesOf(data, query);
    this.list.show(data, places, query);
    const all = data.windows.length;
    const hits = places.length === all ? plural(all, "window") : `${count(places.length)} of ${plural(all, "window")}`;
    // A screen reader should hear the last of several numbers only.
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (byId("hits").textContent = hits), 200);
  }

  changed(isOtherMask) {
    this.refresh();
    if (isOtherMask && this.chosen !== undefined) this.choose(this.chosen);
  }

  /** Sorts by a column, then the other way round, then not at all. */
  sortBy(key) {
    const { query } = this;
    if (query.sort !== key) Object.assign(query, { sort: key, isDescending: false });
    else if (!query.isDescending) query.isDescending = true;
    else Object.assign(query, { sort: null, isDescending: false });
    this.refresh();
  }

  /** Chooses the window that the address names, unless it is chosen. */
  follow() {
    const place = linkedPlace(this.data.windows);
    if (place === -1 || place === this.chosen) return;
    if (!this.list.select(place)) this.choose(place);
  }

  choose(place) {
    this.chosen = place;
    const { windows } = this.data;
    linkTo(windows.ids[place], windows.window[place]);
    if (this.isReady) this.panel.show(place);
    else say("The tables are still being read …");
  }
}

// What the page lacks without a table that was not picked.
const WITHOUT = {
  bases: "the masks of tokens are spread over their bases",
  predictions: "nothing is known about predictions",
  stretches: "the runs of the hard mask stand for the stretches",
};

const picker = new Picker(facts, (sourceOf) => new Browser(sourceOf).start().catch(fail));

window.addEventListener("unhandledrejection", (event) => fail(event.reason));

if (location.protocol === "file:") {
  picker.show();
} else {
  new Browser((role) => sourceOnServer(facts.tables[role].name)).start().catch((error) => {
    fail(error);
    if (!byId("grid").firstChild) picker.show();
  });
}
