// Owns what holds of every volume that is in use on another host, whatever has its bytes.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { qemuIo, snapshot, snapshotId } from '@ironbark/storage/testing/harness.ts';
import { type FarNodeLab, SIZE_BYTES } from './far-node-lab.ts';

/** Bytes that were written there are there for whoever comes next, and a point in time has them, too. */
export async function checkWritten(lab: FarNodeLab): Promise<void> {
  await lab.attach();
  await lab.io('read -P 0 0 64M', 'write -P 0x5a 4M 1M', 'write -P 0x5b 63M 1M', 'flush');
  {
    await using writer = await lab.startWriter();
    await lab.killDaemon();
    await writer.untilMore();
    await lab.killAll();
    await writer.untilMore();
  }
  const kept = ['read -P 0x5a 4M 1M', 'read -P 0x5b 63M 1M', 'read -P 0 8M 16M'];
  await lab.io(...kept);
  const { encryptedFor } = lab.kind;
  const sealed = encryptedFor === undefined ? {} : { encrypted: true };
  await lab.harness.put(snapshot(2, { volumeSizeBytes: SIZE_BYTES, ...sealed }));
  await lab.io('write -P 0x5c 4M 1M', 'flush');
  const near = await lab.bringHome(2);
  await qemuIo(near, 'read -P 0x5c 4M 1M', ...kept.slice(1));
  await lab.harness.untilCompleted(snapshotId(2));
  await checkNothingLeft(lab);
}

/** Of what serves it. */
export async function checkNothingLeft(lab: FarNodeLab): Promise<void> {
  const { directory } = lab.clients;
  const isGone = async () => (await readdir(`${directory}/clients`)).length === 0;
  await lab.harness.until('no client', isGone);
  assert.deepEqual(await readdir(`${directory}/processes`), []);
  assert.deepEqual(await readdir(join(lab.harness.dataDir, 'run/gates')), []);
}
