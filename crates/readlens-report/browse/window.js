// Everything about one window, read when it is chosen: letters, mask on bases, stretches.

/** What the panel shows of the window at `place`. */
async function readWindow(data, place) {
  const { windows, choice } = data;
  const [start, end] = [windows.start[place], windows.end[place]];
  const [{ tokens }, mask] = await Promise.all([
    data.tables.tokens.row(place, ["tokens"]),
    data.masks === null ? null : data.masks.of(choice, place),
  ]);
  const layout = new Layout(data.facts.tokenization, start, end, windows.strand[place], tokens);
  const shown = { place, start, end, letters: layout.letters(), hasMask: mask !== null };
  if (mask === null) {
    const values = new Float32Array(end - start);
    return { ...shown, values, runs: [], stretches: [], isFromTable: false };
  }
  const own = (await data.bases?.of(windows, place, choice)) ?? null;
  const values = own ?? layout.spread(mask.mask);
  if (values.length !== end - start) {
    throw new Unreadable(`The mask has ${values.length} values for ${end - start} bases. Is one of the tables another one?`);
  }
  const runs = runsOf(layout.kept(mask.hard), values, start);
  const listed = await data.stretches?.of(windows.ids[place], start, end, choice);
  return { ...shown, values, runs, stretches: listed ?? [], isFromTable: listed !== undefined };
}
