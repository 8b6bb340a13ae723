// Owns what two real guests do with a volume that both have: what one has flushed the other reads, both write at once, and
// one is cut off by force while the other goes on.

import assert from 'node:assert/strict';
import { type CloudUnderTest, eventually } from './cloud-under-test.ts';
import type { DirectGuest } from './direct-guest.ts';
import { findDevice } from './guests.ts';
import { attachVolume, deleteVolume, makeVolume } from './volumes.ts';

const SHARED = { Size: 4, VolumeType: 'io2', Iops: 2_000, MultiAttachEnabled: true } as const;
/** Where each of two guests counts, in MiB. */
const PLACES = [2, 3] as const;

interface Holder extends DirectGuest {
  device: string;
}

/** Both are good for nothing but to be terminated after this. */
export async function shareVolume(
  cloud: CloudUnderTest,
  guests: readonly [DirectGuest, DirectGuest],
): Promise<void> {
  const volume = await makeVolume(cloud, SHARED);
  const [a, b] = [await attach(cloud, volume, guests[0]), await attach(cloud, volume, guests[1])];
  await assertReadsWhatIsWritten(a, b);
  await assertReadsWhatIsWritten(b, a);
  for (const [at, guest] of [a, b].entries()) await startCounting(guest, PLACES[at]!);
  const isCounting = async (reader: Holder, place: number) => (await readCount(reader, place)) > 1;
  await eventually('both count', async () => {
    return (await isCounting(b, PLACES[0])) && (await isCounting(a, PLACES[1]));
  });
  await takeFrom(cloud, volume, a);
  const [last, own] = [await readCount(b, PLACES[0]), await readCount(b, PLACES[1])];
  await eventually('the other goes on', async () => (await readCount(b, PLACES[1])) > own + 1);
  assert.equal(await readCount(b, PLACES[0]), last, 'nothing comes from the one that was cut off');
  await takeFrom(cloud, volume, b);
  await deleteVolume(cloud, volume);
}

async function attach(cloud: CloudUnderTest, volume: string, guest: DirectGuest): Promise<Holder> {
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdf' });
  return { ...guest, device: await findDevice(guest.run, volume) };
}

/** Past the guests' own caches, as whoever shares a disk does it. */
async function assertReadsWhatIsWritten(writer: Holder, reader: Holder): Promise<void> {
  const written = await writer.run(
    `head -c 1048576 /dev/urandom > /tmp/data && dd if=/tmp/data of=${writer.device} bs=64k oflag=direct conv=fsync && sha256sum < /tmp/data`,
  );
  const read = await reader.run(
    `dd if=${reader.device} bs=1M count=1 iflag=direct 2> /dev/null | sha256sum`,
  );
  assert.equal(read, written);
}

/** One write after the other, for as long as it can. */
function startCounting({ device, start }: Holder, place: number): Promise<void> {
  const to = `of=${device} bs=512 seek=$((${place}*2048)) oflag=direct conv=notrunc`;
  return start(`i=0; while true; do i=$((i+1)); printf "%-512s" $i | dd ${to}; done`);
}

async function readCount({ device, run }: Holder, place: number): Promise<number> {
  const from = `if=${device} bs=512 skip=$((${place}*2048)) count=1 iflag=direct`;
  const text = await run(`dd ${from} 2> /dev/null | tr -d '\\0'`);
  return Number(text);
}

/** Resolves once the volume does not list it any more. */
async function takeFrom(
  cloud: CloudUnderTest,
  VolumeId: string,
  { id: InstanceId }: Holder,
): Promise<void> {
  const ec2 = cloud.ec2();
  await ec2.call('DetachVolume', { VolumeId, InstanceId, Force: true });
  await eventually(`${InstanceId} is cut off`, async () => {
    const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [VolumeId] });
    const holders = Volumes![0]!.Attachments!.map((one) => one.InstanceId);
    return !holders.includes(InstanceId);
  });
}
