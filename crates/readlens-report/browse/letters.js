// Bases from tokens, and values on tokens spread over bases, both in the orientation of the source:
// as readlens-report does it in Rust (`sequence.rs`).

/** How the bases of one window follow from its tokens. */
class Layout {
  /** `tokenization` is the page's; `tokens` are those of the window, CLS included. */
  constructor(tokenization, start, end, strand, tokens) {
    this.t = tokenization;
    this.bases = end - start;
    this.isReverse = strand === "-";
    this.ids = this.t.cls ? tokens.slice(1) : tokens;
    this.words = this.ids.map((id) => this.word(id));
    const { k, stride, list } = this.t;
    if (list) {
      // Tokens of a list stand side by side; an unknown one is a letter.
      let end = 0;
      this.lengths = this.words.map((word) => (word ? word.length : 1));
      this.starts = this.lengths.map((length) => (end += length) - length);
      if (end !== this.bases) {
        throw new Unreadable(`The window's tokens have ${end} letters for ${this.bases} bases. Is the tokens table another one?`);
      }
    } else {
      this.starts = this.ids.map((_, token) => token * stride);
      this.lengths = this.ids.map(() => k);
      const expected = this.bases < k ? 0 : Math.floor((this.bases - k) / stride) + 1;
      if (this.ids.length !== expected) {
        throw new Unreadable(`The window has ${this.ids.length} tokens for ${this.bases} bases. Is the tokens table another one?`);
      }
    }
  }

  /** The letters of token `id`; none of an unknown one. */
  word(id) {
    const { k, letters, list, first_kmer } = this.t;
    const place = id - first_kmer;
    if (place < 0) return undefined;
    if (list) return list[place];
    const letter = (_, offset) => letters[Math.floor(place / letters.length ** (k - 1 - offset)) % letters.length];
    return Array.from({ length: k }, letter).join("");
  }

  /** Calls `visit(base, offset)` for each base of a token; base 0 is the window's start. */
  covered(token, visit) {
    for (let offset = 0; offset < this.lengths[token]; offset += 1) {
      const read = this.starts[token] + offset;
      visit(this.isReverse ? this.bases - 1 - read : read, offset);
    }
  }

  /** The letters from start to end; a dot where no token is. */
  letters() {
    const { letters, complements, unknown_letter } = this.t;
    const out = new Array(this.bases).fill(".");
    const written = (letter) => (this.isReverse && letters.includes(letter) ? complements[letters.indexOf(letter)] : letter);
    for (const [token, word] of this.words.entries()) {
      this.covered(token, (base, offset) => {
        if (word) out[base] = written(word[offset]);
        else if (out[base] === ".") out[base] = unknown_letter;
      });
    }
    return out.join("");
  }

  /** Mean of the values of the tokens that cover each base; 0 where none does. */
  spread(values) {
    const sums = new Float32Array(this.bases);
    const counts = new Uint32Array(this.bases);
    for (let token = 0; token < this.ids.length; token += 1) {
      this.covered(token, (base) => {
        sums[base] += values[token];
        counts[base] += 1;
      });
    }
    return sums.map((sum, base) => (counts[base] ? sum / counts[base] : 0));
  }

  /** Whether a token of the hard mask covers each base. */
  kept(hard) {
    const kept = new Uint8Array(this.bases);
    for (let token = 0; token < this.ids.length; token += 1) {
      if (hard[token]) this.covered(token, (base) => (kept[base] = 1));
    }
    return kept;
  }
}
