// Bases from tokens, and values on tokens spread over bases, both in the orientation of the source:
// as readlens-report does it in Rust (`sequence.rs`).

/** How the bases of one window follow from its tokens. */
class Layout {
  /** `tokenization` is the page's; `tokens` are those of the window, CLS included. */
  constructor(tokenization, start, end, strand, tokens) {
    this.t = tokenization;
    this.bases = end - start;
    this.isReverse = strand === "-";
    this.kmers = this.t.cls ? tokens.slice(1) : tokens;
    const { k, stride } = this.t;
    const expected = this.bases < k ? 0 : Math.floor((this.bases - k) / stride) + 1;
    if (this.kmers.length !== expected) {
      throw new Unreadable(`The window has ${this.kmers.length} tokens for ${this.bases} bases. Is the tokens table another one?`);
    }
  }

  /** Calls `visit(base, offset)` for each base of a token; base 0 is the window's start. */
  covered(token, visit) {
    const { k, stride } = this.t;
    for (let offset = 0; offset < k; offset += 1) {
      const read = token * stride + offset;
      visit(this.isReverse ? this.bases - 1 - read : read, offset);
    }
  }

  /** The letters from start to end; a dot where no token is. */
  letters() {
    const { k, letters, complements, first_kmer, unknown_letter } = this.t;
    const out = new Array(this.bases).fill(".");
    const written = this.isReverse ? complements : letters;
    for (const [token, id] of this.kmers.entries()) {
      const kmer = id - first_kmer;
      this.covered(token, (base, offset) => {
        const number = Math.floor(kmer / letters.length ** (k - 1 - offset)) % letters.length;
        if (kmer >= 0) out[base] = written[number];
        else if (out[base] === ".") out[base] = unknown_letter;
      });
    }
    return out.join("");
  }

  /** Mean of the values of the tokens that cover each base; 0 where none does. */
  spread(values) {
    const sums = new Float32Array(this.bases);
    const counts = new Uint32Array(this.bases);
    for (let token = 0; token < this.kmers.length; token += 1) {
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
    for (let token = 0; token < this.kmers.length; token += 1) {
      if (hard[token]) this.covered(token, (base) => (kept[base] = 1));
    }
    return kept;
  }
}
