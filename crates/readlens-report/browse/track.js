// One track: the mask of a window, or of a part of it, over its bases.

const TRACK = { top: 6, ground: 56, letters: 74, hard: 86, stretch: 94, axis: 104, height: 124 };
// Pixels of a base from which on its letter is drawn.
const LETTER_WIDTH = 9;

/** How many bases have room for their letters in a track of this width. */
function basesWithLetters(width) {
  return Math.max(Math.floor(width / (LETTER_WIDTH + 1)), 20);
}

/**
 * Draws bases `from` to `to` of a window in `svg`. `shown` has letters, values, kept, stretches and
 * start; `part` is marked, where it is given.
 */
function drawTrack(svg, shown, { from, to, part }) {
  const width = Math.max(svg.parentElement.clientWidth, 200);
  const perBase = width / (to - from);
  const at = (base) => Number(((base - from) * perBase).toFixed(2));
  const hasLetters = perBase >= LETTER_WIDTH;
  svg.setAttribute("viewBox", `0 0 ${width} ${TRACK.height}`);
  svg.setAttribute("width", width);
  svg.setAttribute("height", TRACK.height);
  const children = [
    drawn("path", { class: "ground", d: `M0 ${TRACK.ground}H${width}V${TRACK.ground + 1}H0z` }),
    drawn("path", { class: "profile", d: profile(shown.values, from, to, width) }),
    ...bars("hard", shown.runs, shown.start, from, to, at, TRACK.hard),
    ...bars("stretch", shown.stretches, shown.start, from, to, at, TRACK.stretch),
    ...axis(shown.start, from, to, at, width),
  ];
  if (hasLetters) children.push(...letterCells(shown, from, to, at, perBase));
  if (part) {
    children.push(
      drawn("rect", {
        class: "part",
        x: at(part.from),
        y: 1,
        width: Math.max((part.to - part.from) * perBase, 2),
        height: TRACK.axis - 2,
      }),
    );
  }
  svg.replaceChildren(...children);
}

/** The mask as steps; where a pixel holds several bases, their mean. */
function profile(values, from, to, width) {
  const columns = Math.min(to - from, Math.ceil(width));
  const height = TRACK.ground - TRACK.top;
  let path = `M0 ${TRACK.ground}`;
  for (let column = 0; column < columns; column += 1) {
    const first = from + Math.floor((column * (to - from)) / columns);
    const end = Math.max(from + Math.floor(((column + 1) * (to - from)) / columns), first + 1);
    let sum = 0;
    for (let base = first; base < end; base += 1) sum += values[base];
    const y = TRACK.ground - height * Math.min(sum / (end - first), 1);
    path += `V${y.toFixed(1)}H${((width * (column + 1)) / columns).toFixed(1)}`;
  }
  return `${path}V${TRACK.ground}z`;
}

function bars(kind, stretches, start, from, to, at, y) {
  let path = "";
  for (const stretch of stretches) {
    const [first, end] = [Math.max(stretch.start - start, from), Math.min(stretch.end - start, to)];
    if (first < end) path += `M${at(first)} ${y}H${Math.max(at(end), at(first) + 1)}`;
  }
  return path ? [drawn("path", { class: kind, d: path })] : [];
}

function axis(start, from, to, at, width) {
  const children = [drawn("path", { class: "axis", d: `M0 ${TRACK.axis}H${width}` })];
  const room = ((to - from) * 84) / width;
  const power = 10 ** Math.floor(Math.log10(Math.max(room, 1)));
  const step = Math.max([1, 2, 5, 10].map((n) => n * power).find((n) => n >= room) ?? 10 * power, 1);
  for (let base = Math.ceil((start + from) / step) * step; base <= start + to; base += step) {
    const x = at(base - start);
    const anchor = x < 24 ? "start" : x > width - 24 ? "end" : "middle";
    children.push(
      drawn("path", { class: "axis", d: `M${x} ${TRACK.axis}v4` }),
      drawn("text", { class: "tick", x, y: TRACK.axis + 16, "text-anchor": anchor }, count(base)),
    );
  }
  return children;
}

function letterCells(shown, from, to, at, perBase) {
  const cells = drawn("g", { class: "letter-cells" });
  const texts = drawn("g");
  const y = TRACK.letters;
  for (let base = from; base < to; ) {
    // Neighbours of one colour are one cell: between two there would be a seam.
    const [first, level] = [base, levelOf(shown.values[base])];
    for (; base < to && levelOf(shown.values[base]) === level; base += 1) {
      const letter = { class: level, x: at(base) + perBase / 2, y, "text-anchor": "middle" };
      texts.append(drawn("text", letter, shown.letters[base]));
    }
    if (level !== "x") cells.append(drawn("path", { class: level, d: `M${at(first)} ${y - 5}H${at(base)}` }));
  }
  cells.append(texts);
  return [cells];
}
