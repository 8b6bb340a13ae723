// Owns a data folder with QEMU drivers on it and guests of one sector, for the driver's tests.

import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { type Clock, systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { guestUuid } from '../app/guest-uuid.ts';
import type { GuestHandle, GuestSpec, HypervisorDriver } from '../drivers/hypervisor-driver.ts';
import { QEMU } from '../drivers/qemu/argv.ts';
import { createQemuDriver } from '../drivers/qemu/driver.ts';
import { openTap } from '../host/tap-device.ts';
import { renderTestGuest, type TestGuestOptions } from './test-guest.ts';

export const isRoot = process.getuid?.() === 0;
export const BASE_UID = 1_999_000_000;

/** Why tests with QEMU cannot run here; false when they can. */
export async function whyNoQemu(): Promise<string | false> {
  const isThere = await systemCommands.run(QEMU, ['--version']).then(
    () => true,
    () => false,
  );
  return isThere ? false : `${QEMU} is not installed`;
}

export interface DriverLab extends AsyncDisposable {
  dataDir: string;
  driver: HypervisorDriver;
  newDriver(options?: { qmpTimeoutMs?: number; clock?: Clock }): HypervisorDriver;
  prepare(number: number, guest?: TestGuestOptions): Promise<GuestSpec>;
}

/** A data folder with drivers on it; at the end no guest of it is left. */
export async function createDriverLab(parent = tmpdir()): Promise<DriverLab> {
  const dataDir = await mkdtemp(join(parent, 'ironbark-qemu-'));
  const newDriver = (options = {}) =>
    createQemuDriver({
      commands: systemCommands,
      clock: systemClock,
      dataDir,
      openTap,
      probeUid: isRoot ? BASE_UID : undefined,
      ...options,
    });
  const driver = newDriver();
  const specs: GuestSpec[] = [];
  const prepare = async (number: number, guest: TestGuestOptions = { greeting: 'hello' }) => {
    const spec = await prepareGuest(dataDir, number, guest);
    specs.push(spec);
    return spec;
  };
  const dispose = async () => {
    for (const spec of specs) await newDriver().destroy(provisional(spec));
    await driver[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  };
  return { dataDir, driver, newDriver, prepare, [Symbol.asyncDispose]: dispose };
}

/** The handle of a guest whose start was never written down. */
export function provisional(spec: GuestSpec): GuestHandle {
  const { id, directory } = spec;
  const uid = spec.uid === undefined ? {} : { uid: spec.uid };
  return { id, driver: 'qemu', pid: 0, pidStartTicks: 0, directory, startedAt: '', ...uid };
}

async function prepareGuest(dataDir: string, number: number, guest: TestGuestOptions) {
  const id: InstanceId = `i-${number.toString(16).padStart(17, '0')}`;
  const uid = isRoot ? { uid: BASE_UID + 1 + number } : {};
  const directory = join(dataDir, id);
  await mkdir(join(directory, 'run'), { recursive: true });
  await chmod(directory, 0o711);
  const disk = join(directory, 'root.raw');
  await writeFile(disk, renderTestGuest(guest), { mode: 0o600 });
  if (uid.uid !== undefined) {
    await chown(disk, uid.uid, uid.uid);
    await chown(join(directory, 'run'), uid.uid, uid.uid);
  }
  const spec: GuestSpec = {
    id,
    uuid: guestUuid(id),
    vcpus: 1,
    memoryMib: 32,
    boot: { kind: 'firmware' },
    rootDisk: { serial: 'root', source: { kind: 'file', path: '../root.raw' }, profile: DIRECT },
    nics: [],
    directory,
    ...uid,
  };
  return spec;
}

export async function readConsoleUntil(
  driver: HypervisorDriver,
  handle: GuestHandle,
  text: string,
): Promise<string> {
  let seen = '';
  const found = async () => {
    seen += Buffer.from(await driver.drainConsole(handle)).toString('latin1');
    return seen.includes(text) ? seen : undefined;
  };
  return waitFor(found, {
    clock: systemClock,
    timeoutMs: 30_000,
    what: `the console says ${text}`,
  });
}

export async function waitForState(driver: HypervisorDriver, handle: GuestHandle, state: string) {
  const probe = async () => ((await driver.inspect(handle)).state === state ? true : undefined);
  await waitFor(probe, { clock: systemClock, timeoutMs: 30_000, what: `${handle.id} is ${state}` });
}
