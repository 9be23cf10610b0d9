// The letters of a window as text, in lines.

// Letters that are written at once.
const MAX_LETTERS = 6_000;

/** Lines of six blocks of ten letters of what is looked at, coloured by the mask. */
function lettersOf(shown, zoom) {
  const parts = [];
  const end = Math.min(zoom.to, zoom.from + MAX_LETTERS);
  const width = String(shown.start + end).length;
  for (let line = zoom.from; line < end; line += 60) {
    parts.push(element("span", { class: "at" }, String(shown.start + line).padStart(width)), "  ");
    const lineEnd = Math.min(line + 60, end);
    for (let from = line; from < lineEnd; ) {
      const level = levelOf(shown.values[from]);
      const block = Math.min(line + (Math.floor((from - line) / 10) + 1) * 10, lineEnd);
      let to = from + 1;
      while (to < block && levelOf(shown.values[to]) === level) to += 1;
      const letters = shown.letters.slice(from, to);
      parts.push(level === "x" ? letters : element("i", { class: level }, letters));
      if (to === block && to < lineEnd) parts.push(" ");
      from = to;
    }
    parts.push("\n");
  }
  if (end < zoom.to) parts.push(`… ${count(zoom.to - end)} more: zoom in.`);
  return parts;
}
