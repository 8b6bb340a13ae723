// Measures the paper's own EBS path, inside a test host: the host's kernel opens a volume over AoE, or over NBD, and the
// guest gets it as a whole device. Each beside the host's own access to the same device, in turns. Prints ratios as JSON.
//
//   node test/test-host/inside/kernel-initiators.ts KERNEL INITRD      of a guest of the lab

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import { LabGuest } from '@ironbark/lab/guest/lab-guest.ts';
import { parseRate, type Transfer, transferArguments } from '@ironbark/lab/workloads/dd.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';
import { AoeLab } from '../../support/aoe/aoe-lab.ts';

/** In the host's memory: the way is what is measured, not the disk. */
const PARENT = '/dev/shm';
const DISK_BYTES = 128 * MIB;
const TRANSFER_BYTES = 16 * MIB;
const ROUNDS = 3;
const AOE_DEVICE = '/dev/etherd/e7.3';
const NBD_DEVICE = '/dev/nbd0';
const INITIATOR_LINK = 'aoe0';
const WAIT_MS = 60_000;
const COMMAND_MS = 240_000;

const [kernelPath = '', initrdPath = ''] = process.argv.slice(2);
const folder = await mkdtemp(join(PARENT, 'ironbark-initiators-'));
try {
  await using stack = new AsyncDisposableStack();
  await openOverAoe(stack);
  await openOverNbd(stack);
  const guest = stack.use(await bootGuest());
  const ratios = {
    aoe: await measure(guest, 'aoe', AOE_DEVICE),
    nbd: await measure(guest, 'nbd', NBD_DEVICE),
  };
  console.log(JSON.stringify(ratios));
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Our target at one end of a wire; the other end is the host's, whose kernel finds what is there. */
async function openOverAoe(stack: AsyncDisposableStack): Promise<void> {
  const lab = stack.use(await AoeLab.create({ sizeBytes: DISK_BYTES, parent: PARENT }));
  await lab.startTarget([lab.settings({ writeCache: 'on' })]);
  const end = lab.wire.nameSpace('initiator');
  await run('ip', '-n', end, 'link', 'set', 'eth0', 'netns', '1', 'name', INITIATOR_LINK);
  stack.defer(() => run('ip', 'link', 'delete', INITIATOR_LINK));
  await run('ip', 'link', 'set', INITIATOR_LINK, 'mtu', '9000', 'up');
  await run('modprobe', 'aoe', `aoe_iflist=${INITIATOR_LINK}`);
  stack.defer(() => run('modprobe', '-r', 'aoe'));
  await untilThere(AOE_DEVICE);
}

/** QEMU's server, as our volumes have it, on a Unix socket of this host. */
async function openOverNbd(stack: AsyncDisposableStack): Promise<void> {
  const disk = join(folder, 'disk');
  const socket = join(folder, 'nbd.sock');
  await mkdir(folder, { recursive: true });
  await run('truncate', '-s', String(DISK_BYTES), disk);
  const file = `driver=file,node-name=disk,filename=${disk}`;
  const server = await systemCommands.startAttached(
    'qemu-storage-daemon',
    [
      ...['--blockdev', file, '--nbd-server', `addr.type=unix,addr.path=${socket}`],
      ...['--export', 'type=nbd,id=disk,node-name=disk,name=disk,writable=on'],
    ],
    { cwd: folder, env: {} },
  );
  stack.defer(async () => {
    server.kill('SIGTERM');
    await server.ended;
  });
  await untilThere(socket);
  await run('modprobe', 'nbd');
  await run('nbd-client', '-unix', socket, NBD_DEVICE, '-N', 'disk');
  stack.defer(() => run('nbd-client', '-d', NBD_DEVICE));
}

async function bootGuest(): Promise<LabGuest> {
  const disk = (serial: string, path: string) => ({
    serial,
    source: { kind: 'device' as const, path },
    profile: DIRECT,
  });
  return await LabGuest.boot({
    ...{ accelerator: 'kvm', vcpus: 1, memoryMib: 512, kernelPath, initrdPath },
    disks: [disk('aoe', AOE_DEVICE), disk('nbd', NBD_DEVICE)],
    commands: systemCommands,
    clock: systemClock,
    folder: join(folder, 'guest'),
    signal: new AbortController().signal,
  });
}

type Ratios = Record<'read' | 'write', { host: number[]; guest: number[] }>;

/** MB/s of requests of 64 KiB, one at a time, past every cache. */
async function measure(guest: LabGuest, serial: string, path: string): Promise<Ratios> {
  const rates: Ratios = { read: { host: [], guest: [] }, write: { host: [], guest: [] } };
  const transfer: Transfer = { path, bytes: TRANSFER_BYTES, direct: true };
  const inside = guest.deviceOf(serial)!;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const direction of ['write', 'read'] as const) {
      const { stderr } = await systemCommands.run('dd', transferArguments(direction, transfer), {
        timeoutMs: COMMAND_MS,
      });
      rates[direction].host.push(parseRate(stderr));
      const args = transferArguments(direction, { ...transfer, path: inside });
      rates[direction].guest.push(parseRate(await guest.run(`dd ${args.join(' ')}`)));
    }
  }
  return rates;
}

async function untilThere(path: string): Promise<void> {
  await waitFor(() => exists(path), { clock: systemClock, timeoutMs: WAIT_MS, what: path });
}

async function run(file: string, ...args: string[]): Promise<void> {
  await systemCommands.run(file, args, { timeoutMs: COMMAND_MS });
}
