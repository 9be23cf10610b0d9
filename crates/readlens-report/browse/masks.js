// Which masks there are of each window: by method, replicate and rank.

/** Key of a mask among those of a window. */
function maskKey(method, replicate, rank) {
  return JSON.stringify([method, replicate, rank]);
}

/** The masks of one method, replicate and rank. */
class MaskChoice {
  constructor(method, replicate, rank, room) {
    Object.assign(this, { method, replicate, rank });
    this.key = maskKey(method, replicate, rank);
    /** Per window the row of its mask, and the mask's area. */
    this.row = new Int32Array(room).fill(-1);
    this.area = new Float32Array(room).fill(NaN);
  }

  /** As in `explainer, all ranks`; the replicate only where there are several. */
  title(isOfSeveral) {
    const replicate = isOfSeveral ? `, replicate ${this.replicate}` : "";
    const rank = this.rank === "all" ? "all ranks" : spaced(this.rank);
    return `${visible(this.method, 60)}${replicate}, ${rank}`;
  }
}

class Masks {
  constructor(table, choices) {
    this.table = table;
    this.choices = choices;
  }

  static async read(table, windows) {
    const choices = new Map();
    const names = ["id", "window", "method", "replicate", "rank", "area"];
    await table.eachGroup(names, (columns, { first, rows }) => {
      for (let row = 0; row < rows; row += 1) {
        const place = windows.find(columns.id[row], columns.window[row]);
        if (place === -1) continue;
        const [method, replicate, rank] = [columns.method[row], columns.replicate[row], columns.rank[row]];
        const key = maskKey(method, replicate, rank);
        let choice = choices.get(key);
        if (!choice) {
          choice = new MaskChoice(method, replicate, rank, windows.length);
          choices.set(key, choice);
        }
        choice.row[place] = first + row;
        choice.area[place] = columns.area[row];
      }
    });
    return new Masks(table, choices);
  }

  /** Values of the tokens of a window, and which of them count as read; null without a mask. */
  async of(choice, place) {
    const row = choice?.row[place] ?? -1;
    return row === -1 ? null : this.table.row(row, ["mask", "hard"]);
  }
}
