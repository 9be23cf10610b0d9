// Masks on bases, where a table of them is there.

const KEYS = ["id", "window", "method", "replicate", "rank"];

class BaseMasks {
  constructor(table) {
    this.table = table;
    this.index = null;
  }

  /** Values from start to end of a window; null where the table has no such mask. */
  async of(windows, place, choice) {
    const wanted = [windows.ids[place], windows.window[place], choice.method, choice.replicate, choice.rank];
    // `mask` writes both tables in one order. So the row of the mask is tried before all are read.
    let row = choice.row[place];
    if (row < 0 || row >= this.table.rows || !(await this.isAt(row, wanted))) {
      this.index ??= this.readIndex().catch((error) => {
        // The next window may ask again.
        this.index = null;
        throw error;
      });
      row = (await this.index).get(JSON.stringify(wanted)) ?? -1;
    }
    return row === -1 ? null : (await this.table.row(row, ["mask"])).mask;
  }

  async isAt(row, wanted) {
    const found = await this.table.row(row, KEYS);
    return KEYS.every((key, i) => found[key] === wanted[i]);
  }

  async readIndex() {
    const index = new Map();
    await this.table.eachGroup(KEYS, (columns, { first, rows }) => {
      for (let row = 0; row < rows; row += 1) {
        index.set(JSON.stringify(KEYS.map((key) => columns[key][row])), first + row);
      }
    });
    return index;
  }
}
