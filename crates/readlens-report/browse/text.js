// Numbers and foreign text as the page shows them: as readlens-report does in the report.

// Control characters, and those that have no shape of their own or turn the text around them.
const ACTING = new RegExp(
  "[\\p{Cc}\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb" +
    "\\u{e0000}-\\u{e007f}]",
  "gu",
);

/** `text` with such characters spelled out, cut after `limit` characters. */
function visible(text, limit) {
  let shown = text;
  if (text.length > limit) {
    const characters = [...text];
    if (characters.length > limit) {
      shown = characters.slice(0, limit).join("") + `… (${count(characters.length)} characters)`;
    }
  }
  return shown.replace(ACTING, (c) => {
    return `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** `total_variation` as `total variation`. */
function spaced(word) {
  return visible(word.replaceAll("_", " "), 96);
}

/** `12345` as `12,345`. */
function count(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 window`, `2 windows`. */
function plural(n, noun, nouns = `${noun}s`) {
  return `${count(n)} ${n === 1 ? noun : nouns}`;
}

/** `0.9841` as `98.4`; nothing where it is not a number. */
function percent(fraction) {
  return Number.isFinite(fraction) ? (100 * fraction).toFixed(1) : "";
}
