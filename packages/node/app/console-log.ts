// Owns the newest console output of each instance on the node's disk: bounded, whatever the guest writes.

import { open, stat } from 'node:fs/promises';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { KIB } from '@ironbark/core/units.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { replaceFile, statIfPresent, writeUnsynced } from '@ironbark/platform/files.ts';
import type { ConsoleOutput } from '@ironbark/protocol/internal/node-client.ts';
import { instanceLayout } from '../store/instance-layout.ts';

/** What EC2's GetConsoleOutput shows. */
const SHOWN_BYTES = 64 * KIB;
/** A file that grew to this is cut to what is shown. */
const FILE_LIMIT_BYTES = 4 * SHOWN_BYTES;

export class ConsoleLog {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Not synced: console output may end at a power cut. */
  async append(id: InstanceId, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    const path = this.#pathOf(id);
    const newest = bytes.subarray(Math.max(0, bytes.length - FILE_LIMIT_BYTES));
    if ((await sizeOf(path)) + newest.length <= FILE_LIMIT_BYTES) {
      await writeUnsynced(path, newest, { mode: 0o600, append: true });
      return;
    }
    const kept = Buffer.concat([await readTail(path), newest]);
    await replaceFile(path, kept.subarray(Math.max(0, kept.length - SHOWN_BYTES)));
  }

  async read(id: InstanceId): Promise<ConsoleOutput> {
    const path = this.#pathOf(id);
    const bytes = await readTail(path);
    const facts = await stat(path).catch(() => undefined);
    return { bytes, updatedAt: renderTime(facts?.mtimeMs ?? 0) };
  }

  #pathOf(id: InstanceId): string {
    return instanceLayout(this.#dataDir, id).console;
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await statIfPresent(path))?.size ?? 0;
}

async function readTail(path: string): Promise<Buffer> {
  const size = await sizeOf(path);
  if (size === 0) return Buffer.alloc(0);
  const handle = await open(path, 'r');
  try {
    const length = Math.min(size, SHOWN_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
