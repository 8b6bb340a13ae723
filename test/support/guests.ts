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

export async function answersSsh(cloud: CloudUnderTest, instanceId: string): Promise<boolean> {
  return await cloud.ssh(instanceId, 'true').then(
    () => true,
    () => false,
  );
}

/** The device in the guest whose serial is the volume's id without its dash, as on EC2. */
export async function findDevice(
  cloud: CloudUnderTest,
  instanceId: string,
  volumeId: string,
): Promise<string> {
  const serial = volumeId.replace('-', '');
  const find = `for d in /sys/block/vd*; do [ "$(cat $d/serial)" = ${serial} ] && basename $d; done; true`;
  return await eventually('the device in the guest', async () => {
    const name = (await cloud.ssh(instanceId, find)).trim();
    return name === '' ? undefined : `/dev/${name}`;
  });
}

export async function readUptime(cloud: CloudUnderTest, instanceId: string): Promise<number> {
  return Number((await cloud.ssh(instanceId, 'cut -d" " -f1 /proc/uptime')).trim());
}
