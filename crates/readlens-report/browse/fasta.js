// Stretches as FASTA records, and how they come to the clipboard.

const FASTA_LINE = 60;

/** The part of a stretch that lies in the window. */
function clippedTo(stretch, start, end) {
  return { start: Math.max(stretch.start, start), end: Math.min(stretch.end, end) };
}

/** A record of bases `start` to `end` of the source; `letters` are those from base `first` on. */
function fastaOf(id, letters, first, { start, end }) {
  // An id ends at white space, and a control character could end the line.
  const header = `>${id.replace(/[\s\p{Cc}]/gu, "_")}:${start}-${end}`;
  const bases = letters.slice(start - first, end - first).replaceAll(".", "N");
  const lines = bases.match(new RegExp(`.{1,${FASTA_LINE}}`, "g")) ?? [];
  return `${[header, ...lines].join("\n")}\n`;
}

/** Copies `copied`; where the browser refuses, shows it so that the reader can. */
async function copy(copied, what) {
  try {
    await navigator.clipboard.writeText(copied);
    say(`Copied ${what}.`);
  } catch {
    const field = element("textarea", { readonly: true, rows: "12", cols: "64", "aria-label": what });
    field.value = copied;
    const close = button("Close", () => dialog.close());
    const dialog = element(
      "dialog",
      { class: "copy", "aria-label": `Copy ${what}` },
      element("p", {}, "The browser did not let this page use the clipboard. Copy the text from here."),
      field,
      close,
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
    field.select();
  }
}
