// A Parquet table of which single columns of single row groups are read.

// Bytes that a page of a table may have once it is unpacked; readlens refuses larger ones too.
const MAX_PAGE = 1 << 28;
// Row groups that are asked for before the one at hand has been worked on.
const AHEAD = 3;
// Row groups whose columns are kept, so that neighbours of a window are there at once.
const KEPT_GROUPS = 4;

// What stands for columns that tables of other programs, or older ones, may lack.
const ABSENT = { replicate: 1 };

const COMPRESSORS = {
  ZSTD: (packed, length) => {
    if (length > MAX_PAGE) throw new Error(`a page of ${length} bytes`);
    return hyparquet.decompress(packed, new Uint8Array(length));
  },
};

class Table {
  /** Reads the footer of `source`, which must hold the table `kind`. */
  static async open(source, kind) {
    const metadata = await readable(source.name, () => {
      if (source.byteLength < 12) throw new Error("it is too short");
      return hyparquet.parquetMetadataAsync(source, { initialFetchSize: TAIL, geoparquet: false });
    });
    const notes = metadata.key_value_metadata ?? [];
    const found = notes.find((note) => note.key === "readlens.table")?.value ?? kind;
    if (found !== kind) {
      const shown = visible(found, 40);
      throw new Unreadable(`${source.name} should be a table of ${kind}, but is one of ${shown}.`);
    }
    return new Table(source, metadata);
  }

  constructor(source, metadata) {
    this.source = source;
    this.metadata = metadata;
    /** First row and number of rows of each row group. */
    this.groups = [];
    this.rows = 0;
    for (const group of metadata.row_groups) {
      this.groups.push({ first: this.rows, rows: Number(group.num_rows) });
      this.rows += Number(group.num_rows);
    }
    const columns = metadata.row_groups[0]?.columns ?? [];
    this.names = new Set(columns.map((column) => column.meta_data?.path_in_schema[0]));
    this.kept = new Map();
  }

  /** Whether there is a column of this name; a table without rows has none. */
  has(column) {
    return this.names.has(column);
  }

  /** The row group of a row. */
  groupOf(row) {
    let [low, high] = [0, this.groups.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.groups[middle].first <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** These columns of one row group: an object of arrays with a value per row. */
  async columns(group, names) {
    const { first, rows } = this.groups[group];
    const there = names.filter((column) => this.has(column));
    const parts = new Map(there.map((column) => [column, []]));
    await readable(this.source.name, () =>
      hyparquet.parquetRead({
        file: this.source,
        metadata: this.metadata,
        columns: there,
        rowStart: first,
        rowEnd: first + rows,
        compressors: COMPRESSORS,
        onChunk: ({ columnName, columnData }) => parts.get(columnName).push(columnData),
      }),
    );
    // A column may be called like a property that every object has.
    const columns = Object.create(null);
    for (const column of names.filter((absent) => !this.has(absent))) {
      if (!Object.hasOwn(ABSENT, column)) throw new Unreadable(`${this.source.name} has no column ${column}.`);
      columns[column] = new Array(rows).fill(ABSENT[column]);
    }
    for (const [column, chunks] of parts) {
      const values = chunks.length === 1 ? chunks[0] : chunks.flatMap((chunk) => Array.from(chunk));
      columns[column] = withoutBigInts(values);
      if (columns[column].length !== rows) {
        const found = columns[column].length;
        throw new Unreadable(`${this.source.name} has ${found} values of ${column} for ${rows} rows.`);
      }
    }
    return columns;
  }

  /** Calls `visit(columns, group)` for every row group, in order; the browser draws in between. */
  async eachGroup(names, visit) {
    const asked = [];
    for (const [number, group] of this.groups.entries()) {
      while (asked.length < Math.min(number + 1 + AHEAD, this.groups.length)) {
        const columns = this.columns(asked.length, names);
        // A failure is met when its turn comes; until then nobody waits for it.
        columns.catch(() => {});
        asked.push(columns);
      }
      visit(await asked[number], group);
      asked[number] = null;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** One row with these columns. Its row group is read, and kept for its neighbours. */
  async row(row, names) {
    const group = this.groupOf(row);
    const key = `${group} ${names}`;
    let columns = this.kept.get(key);
    this.kept.delete(key);
    columns ??= this.columns(group, names);
    this.kept.set(key, columns);
    if (this.kept.size > KEPT_GROUPS) this.kept.delete(this.kept.keys().next().value);
    try {
      const found = await columns;
      const place = row - this.groups[group].first;
      return Object.fromEntries(names.map((column) => [column, found[column][place]]));
    } catch (error) {
      this.kept.delete(key);
      throw error;
    }
  }
}

/** The values of a column with wide integers as numbers: none of ours needs more than 53 bits. */
function withoutBigInts(values) {
  const first = values.find((value) => value !== null && value !== undefined && value.length !== 0);
  const isOfLists = Array.isArray(first) || ArrayBuffer.isView(first);
  if (typeof (isOfLists ? first[0] : first) !== "bigint") return values;
  const number = (value) => (typeof value === "bigint" ? Number(value) : value);
  return Array.from(values, (value) => (isOfLists && value ? Array.from(value, number) : number(value)));
}

/** What `read` promises; a failure of the Parquet reader names the file. */
async function readable(fileName, read) {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Unreadable) throw error;
    throw new Unreadable(`${fileName} is not a whole Parquet table (${visible(error.message, 200)}).`);
  }
}
