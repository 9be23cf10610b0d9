// A column of few words as numbers: memory for many windows, and fast comparisons.

/** Number of a missing word. */
const NO_WORD = -1;

class Words {
  constructor() {
    this.words = [];
    this.numbers = new Map();
  }

  /** The number of a word. */
  number(word) {
    if (word === null || word === undefined) return NO_WORD;
    let number = this.numbers.get(word);
    if (number === undefined) {
      number = this.words.push(word) - 1;
      this.numbers.set(word, number);
    }
    return number;
  }

  /** The word with this number; null for a missing one. */
  word(number) {
    return number === NO_WORD ? null : this.words[number];
  }

  /** For each word its place in alphabetical order. */
  places() {
    const order = this.words.map((_, number) => number);
    order.sort((a, b) => compareTexts(this.words[a], this.words[b]));
    const places = new Array(order.length);
    order.forEach((number, place) => (places[number] = place));
    return places;
  }
}

function compareTexts(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
