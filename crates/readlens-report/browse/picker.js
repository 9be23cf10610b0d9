// Tables that the reader picks, where the page cannot read what lies beside it.

class Picker {
  /** `facts.tables` names the tables; `picked` is called with a source for each that was picked. */
  constructor(facts, picked) {
    Object.assign(this, { facts, picked, files: new Map() });
    this.host = byId("picker");
    for (const id of ["pick-files", "pick-folder"]) {
      byId(id).addEventListener("change", (event) => this.take([...event.target.files]));
    }
    this.host.addEventListener("dragover", (event) => event.preventDefault());
    this.host.addEventListener("drop", async (event) => {
      event.preventDefault();
      this.take(await droppedFiles(event.dataTransfer));
    });
    const names = Object.values(facts.tables).map((table) => element("li", {}, element("code", {}, visible(table.name, 200))));
    byId("wanted").append(...names);
  }

  show() {
    this.host.hidden = false;
    say("");
  }

  /** Keeps the tables among `files`; starts once those are there that the page needs. */
  take(files) {
    // Of a folder that was picked its folders come too, whose tables may have the same names.
    const near = files.filter((file) => (file.webkitRelativePath ?? "").split("/").length <= 2);
    for (const [role, table] of Object.entries(this.facts.tables)) {
      const file = near.find((candidate) => candidate.name === table.name);
      if (file) this.files.set(role, file);
    }
    const missing = ["tokens", "masks"].filter((role) => !this.files.has(role));
    if (missing.length > 0) {
      const names = missing.map((role) => visible(this.facts.tables[role].name, 200));
      byId("missing").textContent = `Not picked yet: ${names.join(" and ")}.`;
      return;
    }
    this.host.hidden = true;
    const sources = new Map([...this.files].map(([role, file]) => [role, new PickedSource(file)]));
    this.picked((role) => sources.get(role) ?? null);
  }
}

/** The files of a drop; of a folder those that lie in it. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files];
  for (const entry of entries.filter((candidate) => candidate.isDirectory)) {
    const reader = entry.createReader();
    for (;;) {
      // A browser gives the entries of a folder in parts; an empty part is the last.
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (part.length === 0) break;
      for (const inner of part.filter((candidate) => candidate.isFile)) {
        files.push(await new Promise((resolve, reject) => inner.file(resolve, reject)));
      }
    }
  }
  return files;
}
