// Stretches that a mask marks: those of the table, or the runs of a window's hard mask.

class Stretches {
  constructor(table) {
    this.table = table;
    this.index = null;
  }

  /** Stretches of this mask that touch bases `start` to `end` of a record. */
  async of(id, start, end, choice) {
    this.index ??= this.readIndex().catch((error) => {
      // The next window may ask again.
      this.index = null;
      throw error;
    });
    const all = (await this.index).get(id) ?? [];
    return all.filter((stretch) => stretch.key === choice.key && stretch.start < end && stretch.end > start);
  }

  async readIndex() {
    const index = new Map();
    const names = ["id", "start", "end", "method", "replicate", "rank", "taxon", "mean", "peak"];
    await this.table.eachGroup(names, (columns, { rows }) => {
      for (let row = 0; row < rows; row += 1) {
        const id = columns.id[row];
        if (!index.has(id)) index.set(id, []);
        index.get(id).push({
          start: columns.start[row],
          end: columns.end[row],
          key: maskKey(columns.method[row], columns.replicate[row], columns.rank[row]),
          taxon: columns.taxon[row] ?? null,
          mean: columns.mean[row],
          peak: columns.peak[row],
        });
      }
    });
    return index;
  }
}

/** Runs of `kept` bases, with the mean and the peak of their `values`; base 0 is at `start`. */
function runsOf(kept, values, start) {
  const runs = [];
  for (let from = 0; from < kept.length; from += 1) {
    if (!kept[from]) continue;
    let [to, sum, peak] = [from, 0, 0];
    for (; to < kept.length && kept[to]; to += 1) {
      sum += values[to];
      peak = Math.max(peak, values[to]);
    }
    runs.push({ start: start + from, end: start + to, taxon: null, mean: sum / (to - from), peak });
    from = to;
  }
  return runs;
}
