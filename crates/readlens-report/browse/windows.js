// All windows of the tokens table, without their tokens.

class Windows {
  /** Room for `room` windows with a taxon at each of `ranks`. */
  constructor(room, ranks) {
    this.length = 0;
    this.ids = new Array(room);
    this.window = new Uint32Array(room);
    this.start = new Uint32Array(room);
    this.end = new Uint32Array(room);
    this.strand = new Array(room);
    this.splits = new Words();
    this.split = new Int32Array(room).fill(NO_WORD);
    /** Per rank its words, which labels and predictions share, and the labels. */
    this.ranks = ranks;
    this.taxa = new Map(ranks.map((rank) => [rank, new Words()]));
    this.labels = new Map(ranks.map((rank) => [rank, new Int32Array(room).fill(NO_WORD)]));
    /** First window of an id, and the next of the same id; -1 ends the chain. */
    this.first = new Map();
    this.last = new Map();
    this.next = new Int32Array(room).fill(-1);
  }

  /** Reads the index of `table`, group by group, and calls `seen` after each. */
  static async read(table, ranks, seen) {
    const windows = new Windows(table.rows, ranks);
    const labelled = ranks.filter((rank) => table.has(rank));
    const names = ["id", "window", "start", "end", "strand", ...labelled];
    if (table.has("split")) names.push("split");
    await table.eachGroup(names, (columns, { rows }) => {
      windows.add(columns, rows, labelled);
      seen(windows);
    });
    return windows;
  }

  add(columns, rows, labelled) {
    for (let row = 0; row < rows; row += 1) {
      const place = this.length + row;
      const id = columns.id[row];
      this.ids[place] = id;
      this.window[place] = columns.window[row];
      this.start[place] = columns.start[row];
      this.end[place] = columns.end[row];
      this.strand[place] = columns.strand[row];
      if (columns.split) this.split[place] = this.splits.number(columns.split[row]);
      const before = this.last.get(id);
      if (before === undefined) this.first.set(id, place);
      else this.next[before] = place;
      this.last.set(id, place);
    }
    for (const rank of labelled) {
      const [words, labels, taxa] = [this.taxa.get(rank), this.labels.get(rank), columns[rank]];
      for (let row = 0; row < rows; row += 1) labels[this.length + row] = words.number(taxa[row]);
    }
    this.length += rows;
  }

  /** The place of a window; -1 where there is none. */
  find(id, window) {
    let place = this.first.get(id) ?? -1;
    while (place !== -1 && this.window[place] !== window) place = this.next[place];
    return place;
  }

  /** Whether any window has a taxon at this rank. */
  hasLabels(rank) {
    return this.labels.get(rank)?.some((label) => label !== NO_WORD) ?? false;
  }
}
