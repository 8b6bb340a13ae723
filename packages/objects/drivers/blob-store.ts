// Owns the contract of a blob store: bytes under random ids, written once, never changed.

import type { RunningDigests } from './hash-threads.ts';

export interface StoredBlob {
  id: string;
  sizeBytes: number;
  /** A sum of each block (block-sums.ts); `read` checks every block against it before giving it out. */
  blockCrcs: string;
}

export interface WriteBlobInput {
  id: string;
  chunks: AsyncIterable<Uint8Array>;
  /** Fed with every byte on its way, before it is sealed. */
  digests?: Pick<RunningDigests, 'update'>;
  /** Makes of bytes those that are kept, in order and as many. Default: they are kept as they are. */
  seal?: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** MD5 of the bytes as they are kept, to be asked for once all were taken. Absent: who needs it computes it. */
  md5?: () => Promise<Buffer>;
  /** When known; lets a full disk refuse before the first byte. */
  lengthBytes: number | undefined;
  maxBytes: number;
}

export interface OpenBlob extends AsyncDisposable {
  /**
   * Bytes `start` to `end`, both inclusive, in pieces. A damaged block throws before any of it is given. Who is done with a
   * piece may give it back (platform/blocks.ts).
   */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface UnfinishedBlob {
  id: string;
  /** The engine's name of the upload. */
  uploadId: string;
}

export interface BlobStore {
  /** Why nothing is written or removed until the next start, for people; undefined while all is well. */
  readonly failure: string | undefined;
  /** Resolves when bytes and name are on stable storage; when it throws, nothing is left. */
  write(input: WriteBlobInput): Promise<StoredBlob>;
  /** Throws when the blob is missing or of another length. Once open, removal does not disturb reading. */
  open(blob: StoredBlob): Promise<OpenBlob>;
  /** One that does not exist is fine. */
  remove(id: string): Promise<void>;
  /** Ids come in groups, so that a look at everything is many small looks. */
  groups(): readonly string[];
  list(group: string): Promise<string[]>;
  /** Of a group: what an engine keeps of blobs whose writing nobody has ended, some at a time. */
  listUnfinished(group: string): Promise<UnfinishedBlob[]>;
  /** One that has ended meanwhile is fine. */
  abandon(unfinished: UnfinishedBlob): Promise<void>;
}
