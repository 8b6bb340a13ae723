// Owns the processes that the suite of isolation looks at: guests of one sector with a tap each, and the daemons of
// open volumes, all started as a cloud starts them.

import { join } from 'node:path';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import type { GuestHandle } from '@ironbark/node/drivers/hypervisor-driver.ts';
import { createDriverLab, type DriverLab } from '@ironbark/node/testing/driver-lab.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { daemonPid, Harness, NODE, volume, volumeId } from '@ironbark/storage/testing/harness.ts';

export interface Subject {
  kind: 'guest' | 'exporter';
  name: string;
  pid: number;
  /** What it may find below its root besides its program and libraries. */
  own: RegExp;
  /** The folder on the host that it sees. */
  folder: string;
}

export interface Subjects extends AsyncDisposable {
  all: Subject[];
  lab: DriverLab;
  storage: Harness;
}

/** QEMU's folder holds its disk and sockets; the rest belongs to root and is closed to it. */
const OF_GUEST = /^\/own\/(root\.raw|kernel|initrd|run\/[^/]+|qemu\.log|disks\.json|record\.json)$/;

export async function startSubjects({
  guests,
  volumes,
}: {
  guests: number;
  volumes: number;
}): Promise<Subjects> {
  await using starting = new AsyncDisposableStack();
  const lab = starting.use(await createDriverLab());
  const storage = starting.use(await Harness.start());
  const taps: string[] = [];
  starting.defer(async () => {
    for (const tap of taps) await systemCommands.run('ip', ['link', 'delete', tap]);
  });
  const all: Subject[] = [];
  for (let number = 1; number <= guests; number++) {
    const tap = `ibiso${process.pid % 10_000}n${number}`;
    await systemCommands.run('ip', ['tuntap', 'add', 'dev', tap, 'mode', 'tap', 'vnet_hdr']);
    taps.push(tap);
    all.push(subjectOf(await startGuest(lab, number, tap)));
  }
  for (let number = 1; number <= volumes; number++) {
    await storage.put(volume(number, { exportTo: NODE }));
    await storage.untilVolume(volumeId(number), (each) => each.export !== undefined);
    all.push(await exporterOf(storage, number));
  }
  const running = starting.move();
  return { all, lab, storage, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function startGuest(
  lab: DriverLab,
  number: number,
  interfaceName: string,
): Promise<GuestHandle> {
  const spec = await lab.prepare(number);
  const port = { kind: 'tap', interfaceName, queues: 1, vhost: false, mtu: 1500 } as const;
  const macAddress = `06:00:00:00:00:${number.toString(16).padStart(2, '0')}`;
  const id = `eni-${number.toString(16).padStart(17, '0')}` as const;
  return lab.driver.start({ ...spec, nics: [{ id, macAddress, port, profile: PARAVIRTUAL }] });
}

function subjectOf({ id, pid, directory }: GuestHandle): Subject {
  return { kind: 'guest', name: id, pid, own: OF_GUEST, folder: directory };
}

async function exporterOf(storage: Harness, number: number): Promise<Subject> {
  const id = volumeId(number);
  const pid = await daemonPid(storage, id);
  // It finds the others' names, too; that their files are closed to it is for the probe to show.
  return { kind: 'exporter', name: id, pid, own: /^\/own\//, folder: storage.dataDir };
}

export function diskOf(subject: Subject): string {
  return subject.kind === 'guest'
    ? join(subject.folder, 'root.raw')
    : join(subject.folder, 'volumes', `${subject.name}.raw`);
}
