// Owns which parts of the log are likely to be in the host's memory: those that were read or written a short while ago.
// Reading them at once costs a tenth of what asking a thread for it does. A part that the host has let go of meanwhile is
// read from the disk all the same, and holds all others up for as long as that takes.

/** What one look at the disk brings into memory, about. */
const CHUNK_BYTES = 128 * 1024;
/** More than a file has. */
const CHUNKS_A_FILE = 2 ** 20;
/** Of each generation; both together are 1 GiB. */
const MAX_CHUNKS = 4_096;

export class WarmChunks {
  #recent = new Set<number>();
  #older = new Set<number>();

  has(file: number, from: number, bytes: number): boolean {
    const first = keyOf(file, from);
    const last = keyOf(file, from + bytes);
    return this.#hasChunk(first) && (last === first || this.#hasChunk(last));
  }

  add(file: number, from: number, bytes: number): void {
    const last = keyOf(file, from + bytes);
    for (let key = keyOf(file, from); key <= last; key++) this.#addChunk(key);
  }

  #hasChunk(key: number): boolean {
    if (this.#recent.has(key)) return true;
    if (!this.#older.has(key)) return false;
    this.#addChunk(key);
    return true;
  }

  #addChunk(key: number): void {
    this.#recent.add(key);
    if (this.#recent.size < MAX_CHUNKS) return;
    this.#older = this.#recent;
    this.#recent = new Set();
  }
}

function keyOf(file: number, at: number): number {
  return file * CHUNKS_A_FILE + Math.floor(at / CHUNK_BYTES);
}
