// Owns what a blob of the log is to others: where it stands, and that its file stays for now.

import type { StoredBlob } from './blob-store.ts';

/** Larger ones have files of their own: rewriting them to win back space would cost more than their syncs. */
export const MAX_LOGGED_BYTES = 128 * 1024;
/** Of what files grow to; many that are smaller are put together, which must not make as many again. */
export const SMALL = 0.25;

export interface LogPlace {
  file: number;
  /** Of the first byte, behind its header. */
  offset: number;
}

/** Until it is disposed its file stays, so that a row can come to refer to it. */
export interface LoggedBlob extends StoredBlob, Disposable {
  place: LogPlace;
}
