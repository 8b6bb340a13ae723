// Owns what this host's QEMU can do, found by running it as a guest is run: the accelerator and the way to open files.

import { chown, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, renderTime } from '@ironbark/platform/clock.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import { renderForeground } from '@ironbark/platform/confined-start.ts';
import { asUser, CLEAN_ENVIRONMENT, type Confinement } from '@ironbark/platform/confinement.ts';
import type { Enclosure } from '@ironbark/platform/enclosure.ts';
import {
  ensureDirectory,
  hasCode,
  readFileIfPresent,
  replaceFile,
} from '@ironbark/platform/files.ts';
import type { DriverFingerprint } from '../hypervisor-driver.ts';
import { type Accelerator, type DiskEngine, QEMU, renderAccelerator, SANDBOX } from './argv.ts';
import { DEBUG_EXIT_PORT, PROBE_EXIT_CODE, renderBootDisk } from './boot-sector.ts';
import { ensureGuestEnclosure, whyNotEnclosed } from './guest-enclosure.ts';
import { guestProcessLimits } from './guest-limits.ts';

export interface HostFacts {
  fingerprint: DriverFingerprint;
  accelerator: Accelerator;
  engine: DiskEngine;
  /** Where guests run; absent when the host does not allow it. */
  enclosure?: Enclosure;
}

export interface ProbeContext {
  commands: Commands;
  clock: Clock;
  /** Of the node; the probe works in a folder of its own there. */
  dataDir: string;
  /** Undefined: the node is not root. */
  probeUid: number | undefined;
}

/** KVM is worth having when it is faster than emulation; a moment in which the host is busy costs it no more than this. */
const KVM_TIMES_EMULATED = 10;
const KVM_FIRST_DEADLINE_MS = 1_000;
/** KVM that hangs must not hold the node up for ever. */
const KVM_LAST_DEADLINE_MS = 30_000;
const QEMU_START_DEADLINE_MS = 30_000;
const BOOT_DISK = 'boot.img';
/** Changes with what is probed, so that older answers are not taken for new ones. */
const SCHEME = 'probe/3';

/** Probes once per boot of the host; the answer is kept in the data folder. */
export async function probeHost(context: ProbeContext): Promise<HostFacts> {
  const bootId = (await readFileIfPresent('/proc/sys/kernel/random/boot_id'))?.toString().trim();
  const version = await qemuVersion(context.commands);
  const key = `${SCHEME} ${bootId} ${version} ${context.probeUid ?? 'same'}`;
  const cachePath = join(context.dataDir, 'host-facts.json');
  const cached = parseCache(await readFileIfPresent(cachePath));
  if (cached !== undefined && cached.key === key) {
    // Libraries may have moved since; making it again takes a millisecond.
    if (cached.facts.enclosure !== undefined) await ensureGuestEnclosure(context.dataDir);
    return cached.facts;
  }
  const { facts, isCertain } = await probeAfresh(context, version);
  // A host that was busy for a moment is asked again by the next start.
  if (!isCertain) return facts;
  await replaceFile(
    cachePath,
    JSON.stringify({ key, probedAt: renderTime(context.clock.nowMs()), facts }),
  );
  return facts;
}

/** From how long the same guest took when it was emulated. */
export function kvmDeadlineMs(emulatedMs: number): number {
  const deadline = Math.max(KVM_FIRST_DEADLINE_MS, KVM_TIMES_EMULATED * emulatedMs);
  return Math.round(Math.min(deadline, KVM_LAST_DEADLINE_MS));
}

function parseCache(bytes: Buffer | undefined): { key: string; facts: HostFacts } | undefined {
  try {
    return bytes === undefined ? undefined : JSON.parse(bytes.toString());
  } catch {
    // Not ours or torn: probing again costs a second.
    return undefined;
  }
}

async function qemuVersion(commands: Commands): Promise<string> {
  const { stdout } = await commands.run(QEMU, ['--version'], { env: CLEAN_ENVIRONMENT });
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}

async function probeAfresh(
  context: ProbeContext,
  version: string,
): Promise<{ facts: HostFacts; isCertain: boolean }> {
  const directory = join(context.dataDir, 'probe');
  await ensureDirectory(directory);
  try {
    await writeBootDisk(directory, context.probeUid);
    const { enclosure, gap } = await probeEnclosure(context, directory);
    const probe = { ...context, directory, enclosure };
    const kvm = await probeKvm(probe);
    const engine = await probeEngine(probe);
    const accelerator = kvm.works ? 'kvm' : 'tcg';
    const isolationGaps = gap === undefined ? [] : [gap];
    const { reason } = kvm;
    const facts: HostFacts = {
      fingerprint: { hypervisor: 'qemu', accelerator, version, reason, isolationGaps },
      accelerator,
      engine,
      ...(enclosure === undefined ? {} : { enclosure }),
    };
    return { facts, isCertain: kvm.isCertain };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Probe extends ProbeContext {
  /** The folder that the probes' guests work in. */
  directory: string;
  enclosure: Enclosure | undefined;
}

async function probeEnclosure(
  { commands, dataDir, probeUid }: ProbeContext,
  folder: string,
): Promise<{ enclosure?: Enclosure; gap?: string }> {
  if (probeUid === undefined) {
    return { gap: 'the node is not root, so guests share its user and see its files' };
  }
  const enclosure = await ensureGuestEnclosure(dataDir);
  const why = await whyNotEnclosed(commands, enclosure, { uid: probeUid, folder });
  if (why === undefined) return { enclosure };
  return { gap: `guests have no name spaces of their own: ${why}` };
}

async function writeBootDisk(directory: string, uid: number | undefined): Promise<void> {
  const path = join(directory, BOOT_DISK);
  await replaceFile(path, renderBootDisk());
  if (uid === undefined) return;
  await chown(path, uid, uid);
  await chown(directory, uid, uid);
}

/** The group that may open /dev/kvm, when it takes one. */
export async function findKvmGroup(): Promise<number | undefined> {
  try {
    const facts = await stat('/dev/kvm');
    const forGroup = (facts.mode & 0o060) === 0o060 && (facts.mode & 0o006) !== 0o006;
    return forGroup && facts.gid !== 0 ? facts.gid : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export async function confinementFor(uid: number | undefined): Promise<Confinement> {
  const kvmGid = await findKvmGroup();
  return asUser(uid, kvmGid === undefined ? [] : [kvmGid]);
}

interface KvmVerdict {
  works: boolean;
  /** False: the time was up. */
  isCertain: boolean;
  reason: string;
}

async function probeKvm(probe: Probe): Promise<KvmVerdict> {
  const present = await stat('/dev/kvm').then(
    () => true,
    () => false,
  );
  if (!present) {
    const reason = 'this host has no /dev/kvm; guests are emulated';
    return { works: false, isCertain: true, reason };
  }
  const startedMs = probe.clock.monotonicMs();
  // Where QEMU cannot emulate, there is nothing to choose: KVM gets all the time there is.
  const noEmulation = await runSmallGuest(probe, 'tcg', KVM_LAST_DEADLINE_MS);
  const emulatedMs = probe.clock.monotonicMs() - startedMs;
  const deadlineMs = noEmulation === undefined ? kvmDeadlineMs(emulatedMs) : KVM_LAST_DEADLINE_MS;
  const failure = await runSmallGuest(probe, 'kvm', deadlineMs);
  if (failure === undefined) {
    return { works: true, isCertain: true, reason: 'a small guest ran under KVM' };
  }
  const isCertain = (failure.exitCode ?? failure.signal) !== undefined;
  return { works: false, isCertain, reason: describeKvmFailure(failure, deadlineMs) };
}

/** Undefined when the small guest ran to its end. */
async function runSmallGuest(
  probe: Probe,
  accelerator: Accelerator,
  timeoutMs: number,
): Promise<CommandError | undefined> {
  const disk = `driver=file,filename=${BOOT_DISK},read-only=on,node-name=b`;
  const exit = `isa-debug-exit,iobase=${DEBUG_EXIT_PORT},iosize=4`;
  const args = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-m', '32'],
    ...[...renderAccelerator(accelerator), '-sandbox', SANDBOX, '-device', exit, '-blockdev', disk],
    ...['-device', 'virtio-blk-pci,drive=b,bootindex=0'],
  ];
  try {
    const deadline = { timeoutMs, allowExitCodes: [PROBE_EXIT_CODE] };
    await runConfined(probe, { args, ...deadline });
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

function describeKvmFailure(error: CommandError, deadlineMs: number): string {
  if (error.stderr.includes('Permission denied')) {
    return 'guests may not open /dev/kvm (group kvm and mode 0660 would let them); guests are emulated';
  }
  if (error.exitCode === undefined) {
    return `/dev/kvm opens, but a small guest did not run under it within ${deadlineMs / 1000} s, ten times as long as emulated; guests are emulated`;
  }
  const why = error.stderr.split('\n').at(-1) ?? '';
  return `KVM does not start (${why.slice(0, 200)}); guests are emulated`;
}

const ENGINES: readonly DiskEngine[] = [
  { aio: 'io_uring', direct: true },
  { aio: 'native', direct: true },
  { aio: 'threads', direct: true },
  { aio: 'io_uring', direct: false },
  { aio: 'threads', direct: false },
];

/** The best way to open a file of the data folder that QEMU accepts under its confinement. */
async function probeEngine(probe: Probe): Promise<DiskEngine> {
  for (const engine of ENGINES) {
    if (await opensDisk(probe, engine)) return engine;
  }
  throw new Error(`${QEMU} cannot open a file in ${probe.directory} in any way`);
}

async function opensDisk(probe: Probe, engine: DiskEngine): Promise<boolean> {
  const direct = engine.direct ? 'on' : 'off';
  const file = `driver=file,filename=${BOOT_DISK},node-name=f,aio=${engine.aio},cache.direct=${direct}`;
  const args = [
    ...['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-sandbox', SANDBOX, '-blockdev', file, '-qmp', 'stdio'],
  ];
  const input = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n';
  try {
    await runConfined(probe, { args, input, timeoutMs: QEMU_START_DEADLINE_MS });
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

async function runConfined(
  { commands, directory, enclosure, probeUid }: Probe,
  options: {
    args: readonly string[];
    input?: string;
    timeoutMs: number;
    allowExitCodes?: readonly number[];
  },
): Promise<void> {
  const { args, ...rest } = options;
  const command = renderForeground({
    file: QEMU,
    args,
    confinement: await confinementFor(probeUid),
    limits: guestProcessLimits(1, 0),
    enclosure,
    folder: directory,
    workingDirectory: '',
    ownNetwork: true,
  });
  const surroundings = { cwd: directory, env: CLEAN_ENVIRONMENT };
  await commands.run(command.file, command.args, { ...surroundings, ...rest });
}
