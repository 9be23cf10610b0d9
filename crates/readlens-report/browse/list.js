// The list of windows. Only the rows that can be seen are elements of the page.

const ROW_HEIGHT = 32;
// Height in pixels that every browser can scroll; longer lists scroll in larger steps.
const MAX_HEIGHT = 8_000_000;

class WindowList {
  /** `grid` is the element that scrolls; `chosen(place)` is called for a window that is chosen. */
  constructor(grid, chosen, sorted) {
    Object.assign(this, { grid, chosen, sorted });
    this.places = new Uint32Array();
    this.active = -1;
    this.head = element("div", { role: "row", class: "head row", "aria-rowindex": "1" });
    this.sizer = element("div", { role: "rowgroup", class: "sizer" });
    grid.append(element("div", { role: "rowgroup", class: "headgroup" }, this.head), this.sizer);
    this.rows = [];
    grid.addEventListener("scroll", () => this.drawSoon(), { passive: true });
    grid.addEventListener("keydown", (event) => this.key(event));
    this.sizer.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(Number(row.dataset.index));
    });
    new ResizeObserver(() => this.drawSoon()).observe(grid);
  }

  /** Shows these windows; the one that was chosen stays so, where it is among them. */
  show(data, places, query) {
    const before = this.active === -1 ? -1 : this.places[this.active];
    const columns = COLUMNS.filter((column) => column.isShown(data));
    Object.assign(this, { data, places, query });
    this.active = before === -1 ? -1 : places.indexOf(before);
    const keys = columns.map((column) => column.key).join(" ");
    if (keys !== this.keys) {
      Object.assign(this, { keys, columns });
      this.layOut();
    }
    this.drawHead();
    this.grid.setAttribute("aria-rowcount", places.length + 1);
    this.sizer.style.height = `${Math.min(places.length * ROW_HEIGHT, MAX_HEIGHT)}px`;
    this.draw();
  }

  /** Makes the head for the columns; rows of other columns are thrown away. */
  layOut() {
    const widths = (columns) => columns.map((column) => column.width).join(" ");
    const main = this.columns.filter((column) => !column.isSide);
    // A narrow list shows a taxon once.
    const hasPredictions = main.some((column) => column.key === "predicted");
    const few = main.filter((column) => !hasPredictions || column.key !== "label");
    this.grid.style.setProperty("--columns", widths(this.columns));
    this.grid.style.setProperty("--main-columns", widths(main));
    this.grid.style.setProperty("--few-columns", widths(few));
    this.grid.classList.toggle("has-predictions", hasPredictions);
    this.grid.setAttribute("aria-colcount", this.columns.length);
    this.sizer.replaceChildren();
    this.rows = [];
    this.heads = this.columns.map((column, i) => {
      const sort = button(column.title, () => this.sorted(column.key));
      return element(
        "div",
        { role: "columnheader", class: cellClass(column), "aria-colindex": i + 1, "data-key": column.key },
        sort,
      );
    });
    this.head.replaceChildren(...this.heads);
  }

  drawHead() {
    for (const [i, head] of this.heads.entries()) {
      const isSorted = this.columns[i].key === this.query.sort;
      const direction = this.query.isDescending ? "descending" : "ascending";
      head.setAttribute("aria-sort", isSorted ? direction : "none");
    }
  }

  newRow() {
    const cells = this.columns.map((column, i) =>
      element("div", { role: "gridcell", class: cellClass(column), "aria-colindex": i + 1 }, element("bdi", {}, "")),
    );
    const row = element("div", { role: "row", class: "row" }, ...cells);
    this.sizer.append(row);
    return { row, cells, texts: cells.map((cell) => cell.firstChild.firstChild) };
  }

  drawSoon() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  /** Pixels from the top of all rows to the top of what is seen. */
  offset() {
    const whole = this.places.length * ROW_HEIGHT;
    if (whole <= MAX_HEIGHT) return this.grid.scrollTop;
    const seen = this.seenHeight();
    return (this.grid.scrollTop / (MAX_HEIGHT - seen)) * (whole - seen);
  }

  seenHeight() {
    return Math.max(this.grid.clientHeight - this.head.offsetHeight, ROW_HEIGHT);
  }

  draw() {
    if (this.frame) cancelAnimationFrame(this.frame);
    this.frame = null;
    if (!this.data) return;
    const offset = this.offset();
    const first = Math.max(Math.floor(offset / ROW_HEIGHT) - 1, 0);
    const fit = Math.ceil(this.seenHeight() / ROW_HEIGHT) + 3;
    const shown = Math.min(fit, this.places.length - first);
    while (this.rows.length < shown) this.rows.push(this.newRow());
    for (const [i, made] of this.rows.entries()) {
      made.row.hidden = i >= shown;
      if (i < shown) this.drawRow(made, first + i, this.grid.scrollTop - offset);
    }
    const isSeen = this.active >= first && this.active < first + shown;
    if (isSeen) this.grid.setAttribute("aria-activedescendant", `row-${this.active}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  drawRow({ row, cells, texts }, index, shift) {
    const place = this.places[index];
    row.id = `row-${index}`;
    row.dataset.index = index;
    row.style.transform = `translateY(${index * ROW_HEIGHT + shift}px)`;
    row.setAttribute("aria-rowindex", index + 2);
    row.setAttribute("aria-selected", index === this.active);
    for (const [i, column] of this.columns.entries()) {
      const { shown, verdict } = column.cell(this.data, place);
      if (texts[i].data !== shown) texts[i].data = shown;
      cells[i].classList.toggle("right", verdict === true);
      cells[i].classList.toggle("wrong", verdict === false);
    }
  }

  key(event) {
    if (event.target !== this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(Math.floor(this.seenHeight() / ROW_HEIGHT) - 1, 1);
    const last = this.places.length - 1;
    const to = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.choose(Math.min(Math.max(to, 0), last));
  }

  /** Chooses the window at `place`; false where the list does not show it. */
  select(place) {
    const index = this.places.indexOf(place);
    if (index !== -1) this.choose(index);
    return index !== -1;
  }

  choose(index) {
    this.active = index;
    this.reveal(index);
    this.draw();
    this.chosen(this.places[index]);
  }

  /** Scrolls so that the row is seen. */
  reveal(index) {
    const [top, seen] = [index * ROW_HEIGHT, this.seenHeight()];
    const offset = this.offset();
    let to = offset;
    if (top < offset) to = top;
    else if (top + ROW_HEIGHT > offset + seen) to = top + ROW_HEIGHT - seen;
    if (to === offset) return;
    const whole = this.places.length * ROW_HEIGHT;
    this.grid.scrollTop = whole <= MAX_HEIGHT ? to : (to / (whole - seen)) * (MAX_HEIGHT - seen);
  }
}

function cellClass(column) {
  return `cell ${column.key}${column.isNumber ? " number" : ""}${column.isSide ? " side" : ""}`;
}
