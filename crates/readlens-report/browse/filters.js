// The fields above the list, which say what it shows.

class Filters {
  /** `changed` is called after each change. */
  constructor(data, query, changed) {
    Object.assign(this, { data, query, changed });
    this.form = byId("filters");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => this.read());
    this.form.addEventListener("reset", () => setTimeout(() => this.read()));
    this.fillRanks();
  }

  fillRanks() {
    const { ranks } = this.data.windows;
    const finest = ranks.at(-1);
    byId("rank").replaceChildren(...ranks.map((rank) => option(rank, spaced(rank), rank === finest)));
    byId("rank-field").hidden = ranks.length === 0;
    this.data.rank = finest ?? "";
  }

  /** The splits that have been read so far. */
  fillSplits() {
    const select = byId("split");
    const { words } = this.data.windows.splits;
    for (const split of words.slice(select.options.length - 1)) select.append(option(split, visible(split, 40)));
    byId("split-field").hidden = words.length === 0;
  }

  /** The masks to choose from; that of the report is chosen first. */
  fillMasks() {
    const choices = [...(this.data.masks?.choices.values() ?? [])];
    const { method } = this.data.facts;
    const isOfSeveral = choices.some((choice) => choice.replicate !== choices[0].replicate);
    const first = choices.find((c) => c.method === method?.name && c.replicate === method.replicate) ?? choices[0];
    byId("mask").replaceChildren(...choices.map((c) => option(c.key, c.title(isOfSeveral), c === first)));
    byId("mask-field").hidden = byId("area-field").hidden = choices.length === 0;
    this.data.choice = first ?? null;
  }

  /** The fields that need predictions or labels. */
  fillPredictions() {
    const { predictions, windows } = this.data;
    byId("confidence-field").hidden = !predictions;
    byId("verdict-field").hidden = !predictions || !windows.ranks.some((rank) => windows.hasLabels(rank));
  }

  read() {
    const value = (id) => byId(id).value;
    Object.assign(this.query, {
      text: value("find"),
      split: value("split"),
      verdict: value("verdict"),
      confidence: [fraction("confidence-from", false), fraction("confidence-to", true)],
      area: [fraction("area-from", false), fraction("area-to", true)],
    });
    this.data.rank = value("rank");
    const choice = this.data.masks?.choices.get(value("mask")) ?? null;
    const isOtherMask = choice !== this.data.choice;
    this.data.choice = choice;
    this.changed(isOtherMask);
  }
}

/** What stands in a field of percent, as a fraction; null where nothing does. */
function fraction(id, isUpper) {
  const field = byId(id);
  if (field.value === "" || !Number.isFinite(field.valueAsNumber)) return null;
  // The list rounds to a tenth of a percent: a value that it shows as the bound is within.
  const slack = isUpper ? 0.0005 : -0.0005;
  return field.valueAsNumber / 100 + slack;
}

function option(value, text, isSelected = false) {
  return element("option", { value, selected: isSelected }, text);
}
