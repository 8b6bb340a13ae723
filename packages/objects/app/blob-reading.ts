// Owns opening a blob wherever it stands: in a file of its own, or in the log; and under which name it is held.

import type { OpenBlob, StoredBlob } from '../drivers/blob-store.ts';
import { logFileKey, type ObjectsContext } from './context.ts';

export interface PlacedBlob extends StoredBlob {
  logFile: number | null;
  logOffset: number | null;
}

/** Whoever opens it holds it. */
export async function openBlob(
  { blobs, log }: Pick<ObjectsContext, 'blobs' | 'log'>,
  { id, sizeBytes, blockCrcs, logFile, logOffset }: PlacedBlob,
): Promise<OpenBlob> {
  const blob = { id, sizeBytes, blockCrcs };
  if (logFile === null || logOffset === null) return await blobs.open(blob);
  if (log === undefined) throw new Error(`blob ${id} is in a log that this store does not have`);
  return await log.open({ ...blob, place: { file: logFile, offset: logOffset } });
}

/** The bytes of one in the log go with their file, whoever moves them. */
export function heldName(id: string, { logFile }: Pick<PlacedBlob, 'logFile'>): string {
  return logFile === null ? id : logFileKey(logFile);
}
