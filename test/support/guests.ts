// Owns what tests ask of a guest from its inside: does ssh answer, how long is it up, under which name is a volume.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import { type CloudUnderTest, eventually } from './cloud-under-test.ts';

/** Keeps a private key where `ironbark ssh` looks for it. */
export async function saveKey(
  cloud: CloudUnderTest,
  name: string,
  material: string,
): Promise<void> {
  const folder = join(cloud.dataDir, 'keys');
  await ensureDirectory(folder);
  await writeFile(join(folder, name), material, { mode: 0o600 });
}

/** Runs a command in a guest; its standard output. */
export type Shell = (command: string) => Promise<string>;

export async function answersSsh(shell: Shell): Promise<boolean> {
  return await shell('true').then(
    () => true,
    () => false,
  );
}

/** The device in the guest whose serial is the volume's id without its dash, as on EC2. */
export async function findDevice(shell: Shell, volumeId: string): Promise<string> {
  const serial = volumeId.replace('-', '');
  const find = `for d in /sys/block/vd*; do [ "$(cat $d/serial)" = ${serial} ] && basename $d; done; true`;
  return await eventually('the device in the guest', async () => {
    const name = (await shell(find)).trim();
    return name === '' ? undefined : `/dev/${name}`;
  });
}

export async function readUptime(shell: Shell): Promise<number> {
  return Number((await shell('cut -d" " -f1 /proc/uptime')).trim());
}
