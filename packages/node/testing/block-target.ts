// Owns a block target for tests, as the Storage Controller runs one.

import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';

export interface BlockTarget extends Disposable {
  source: Extract<BlockExport, { kind: 'nbd-unix' }>;
  /** What it serves. */
  file: string;
}

/** Serves a volume of zeros from a file in the folder, until it is disposed. */
export async function serveVolume(
  directory: string,
  sizeBytes = MIB,
  name = 'nbd.sock',
): Promise<BlockTarget> {
  const file = join(directory, `${name}.raw`);
  const socketPath = join(directory, name);
  await writeFile(file, Buffer.alloc(sizeBytes));
  const { pid } = await systemCommands.startDetached(
    'qemu-storage-daemon',
    [
      ...['--blockdev', `driver=file,filename=${file},node-name=f`],
      ...['--nbd-server', `addr.type=unix,addr.path=${socketPath},max-connections=0`],
      ...['--export', 'type=nbd,id=e,node-name=f,name=v,writable=on'],
    ],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const isThere = () =>
    stat(socketPath).then(
      () => true,
      () => false,
    );
  await waitFor(isThere, { clock: systemClock, timeoutMs: 20_000, what: 'the target listens' });
  const source = { kind: 'nbd-unix', socketPath, exportName: 'v' } as const;
  return { source, file, [Symbol.dispose]: () => void process.kill(pid, 'SIGKILL') };
}
