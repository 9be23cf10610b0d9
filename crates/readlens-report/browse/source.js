// Files of which parts can be read, from a server or from a file that was picked.
//
// A source has a `name`, its `byteLength`, and `slice(start, end)`, which promises these bytes: what
// the Parquet reader asks for.

// Bytes that the first request asks for, from the end: most footers fit.
const TAIL = 1 << 16;

/** A table that cannot be read, in words for the reader of the page. */
class Unreadable extends Error {}

/** The file that lies beside the page on its server. */
async function sourceOnServer(fileName) {
  const url = new URL(encodeURIComponent(fileName), document.baseURI);
  let answer = await asked(url, fileName, { Range: `bytes=-${TAIL}` });
  if (answer.status === 206) {
    const range = contentRange(answer);
    if (range) {
      const tail = { start: range.start, bytes: await answer.arrayBuffer() };
      return new RangeSource(url, fileName, range.total, tail);
    }
  }
  // A server that knows no ranges sends the whole file, or nothing that can be used.
  if (answer.status !== 200) answer = await asked(url, fileName, {});
  if (answer.status !== 200) {
    throw new Unreadable(`${fileName} is not beside this page: the server answered ${answer.status}.`);
  }
  return new WholeSource(fileName, await answer.arrayBuffer());
}

async function asked(url, fileName, headers) {
  try {
    return await fetch(url, { headers });
  } catch (error) {
    throw new Unreadable(`${fileName} cannot be fetched (${error.message}).`);
  }
}

function contentRange(answer) {
  const parts = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers.get("Content-Range") ?? "");
  return parts && { start: Number(parts[1]), total: Number(parts[3]) };
}

/** A file on a server that sends parts of it. */
class RangeSource {
  constructor(url, fileName, byteLength, tail) {
    Object.assign(this, { url, name: fileName, byteLength, tail });
  }

  async slice(start, end = this.byteLength) {
    if (start >= this.tail.start) {
      return this.tail.bytes.slice(start - this.tail.start, end - this.tail.start);
    }
    const answer = await asked(this.url, this.name, { Range: `bytes=${start}-${end - 1}` });
    const range = contentRange(answer);
    const bytes = answer.status === 206 ? await answer.arrayBuffer() : new ArrayBuffer(0);
    if (range?.total !== this.byteLength || range.start !== start || bytes.byteLength !== end - start) {
      throw new Unreadable(`${this.name} changed while it was read. Load this page again.`);
    }
    return bytes;
  }
}

/** A file that had to be fetched whole. */
class WholeSource {
  constructor(fileName, bytes) {
    Object.assign(this, { name: fileName, bytes, byteLength: bytes.byteLength });
  }

  async slice(start, end = this.byteLength) {
    return this.bytes.slice(start, end);
  }
}

/** A file that was picked. */
class PickedSource {
  constructor(file) {
    Object.assign(this, { file, name: file.name, byteLength: file.size });
  }

  async slice(start, end = this.byteLength) {
    try {
      return await this.file.slice(start, end).arrayBuffer();
    } catch (error) {
      throw new Unreadable(`${this.name} cannot be read (${error.message}). Pick it again.`);
    }
  }
}
