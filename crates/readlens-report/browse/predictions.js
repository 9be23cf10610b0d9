// What the classifier says of each window, at each rank.

class Prediction {
  constructor(room) {
    this.taxon = new Int32Array(room).fill(NO_WORD);
    this.probability = new Float32Array(room).fill(NaN);
    this.confidence = new Float32Array(room).fill(NaN);
    this.runnerUp = new Int32Array(room).fill(NO_WORD);
    this.runnerUpProbability = new Float32Array(room).fill(NaN);
  }
}

class Predictions {
  constructor(windows) {
    this.windows = windows;
    this.byRank = new Map();
  }

  static async read(table, windows) {
    const predictions = new Predictions(windows);
    const names = ["id", "window", "rank", "taxon", "probability", "confidence", "runner_up", "runner_up_probability"];
    await table.eachGroup(names, (columns, { rows }) => predictions.add(columns, rows));
    return predictions;
  }

  add(columns, rows) {
    for (let row = 0; row < rows; row += 1) {
      const rank = columns.rank[row];
      const place = this.windows.find(columns.id[row], columns.window[row]);
      const words = this.windows.taxa.get(rank);
      if (place === -1 || !words) continue;
      let prediction = this.byRank.get(rank);
      if (!prediction) {
        prediction = new Prediction(this.windows.length);
        this.byRank.set(rank, prediction);
      }
      prediction.taxon[place] = words.number(columns.taxon[row]);
      prediction.probability[place] = columns.probability[row];
      prediction.confidence[place] = columns.confidence[row];
      prediction.runnerUp[place] = words.number(columns.runner_up[row]);
      prediction.runnerUpProbability[place] = columns.runner_up_probability[row] ?? NaN;
    }
  }

  /** Whether the prediction of a window is its label; null where one of them is missing. */
  verdict(rank, place) {
    const label = this.windows.labels.get(rank)[place];
    const taxon = this.byRank.get(rank)?.taxon[place] ?? NO_WORD;
    return label === NO_WORD || taxon === NO_WORD ? null : label === taxon;
  }
}
