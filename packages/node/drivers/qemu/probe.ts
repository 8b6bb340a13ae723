// Owns what this host's QEMU can do, found by running it as a guest is run: the accelerator and the way to open files.

import { chown, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, renderTime } from '@ironbark/platform/clock.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import {
  asUser,
  CLEAN_ENVIRONMENT,
  type Confinement,
  confine,
} from '@ironbark/platform/confinement.ts';
import {
  ensureDirectory,
  hasCode,
  readFileIfPresent,
  replaceFile,
} from '@ironbark/platform/files.ts';
import type { DriverFingerprint } from '../hypervisor-driver.ts';
import { type Accelerator, type DiskEngine, QEMU, renderAccelerator, SANDBOX } from './argv.ts';
import { DEBUG_EXIT_PORT, PROBE_EXIT_CODE, renderBootDisk } from './boot-sector.ts';

export interface HostFacts {
  fingerprint: DriverFingerprint;
  accelerator: Accelerator;
  engine: DiskEngine;
}

export interface ProbeContext {
  commands: Commands;
  clock: Clock;
  /** Of the node; the probe works in a folder of its own there. */
  dataDir: string;
  /** Undefined: the node is not root. */
  probeUid: number | undefined;
}

/** Under KVM the guest is done in 0.3 s; a host that is busy gets ten times that. */
const KVM_DEADLINE_MS = 3_000;
const QEMU_START_DEADLINE_MS = 30_000;
const BOOT_DISK = 'boot.img';

/** Probes once per boot of the host; the answer is kept in the data folder. */
export async function probeHost(context: ProbeContext): Promise<HostFacts> {
  const bootId = (await readFileIfPresent('/proc/sys/kernel/random/boot_id'))?.toString().trim();
  const version = await qemuVersion(context.commands);
  const key = `${bootId} ${version} ${context.probeUid ?? 'same'}`;
  const cachePath = join(context.dataDir, 'host-facts.json');
  const cached = parseCache(await readFileIfPresent(cachePath));
  if (cached !== undefined && cached.key === key) return cached.facts;
  const facts = await probeAfresh(context, version);
  await replaceFile(
    cachePath,
    JSON.stringify({ key, probedAt: renderTime(context.clock.nowMs()), facts }),
  );
  return facts;
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

async function probeAfresh(context: ProbeContext, version: string): Promise<HostFacts> {
  const directory = join(context.dataDir, 'probe');
  await ensureDirectory(directory);
  try {
    await writeBootDisk(directory, context.probeUid);
    const kvm = await probeKvm(context, directory);
    const engine = await probeEngine(context, directory);
    const accelerator = kvm.works ? 'kvm' : 'tcg';
    const fingerprint = { hypervisor: 'qemu', accelerator, version, reason: kvm.reason } as const;
    return { fingerprint, accelerator, engine };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
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
  reason: string;
}

async function probeKvm(context: ProbeContext, directory: string): Promise<KvmVerdict> {
  const present = await stat('/dev/kvm').then(
    () => true,
    () => false,
  );
  if (!present) return { works: false, reason: 'this host has no /dev/kvm; guests are emulated' };
  const failure = await runUnderKvm(context, directory);
  if (failure === undefined) return { works: true, reason: 'a small guest ran under KVM' };
  return { works: false, reason: describeKvmFailure(failure) };
}

/** Undefined when the small guest ran to its end. */
async function runUnderKvm(
  context: ProbeContext,
  directory: string,
): Promise<CommandError | undefined> {
  const disk = `driver=file,filename=${BOOT_DISK},read-only=on,node-name=b`;
  const exit = `isa-debug-exit,iobase=${DEBUG_EXIT_PORT},iosize=4`;
  const args = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-m', '32'],
    ...[...renderAccelerator('kvm'), '-sandbox', SANDBOX, '-device', exit, '-blockdev', disk],
    ...['-device', 'virtio-blk-pci,drive=b,bootindex=0'],
  ];
  try {
    const deadline = { timeoutMs: KVM_DEADLINE_MS, allowExitCodes: [PROBE_EXIT_CODE] };
    await runConfined(context, directory, { args, ...deadline });
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

function describeKvmFailure(error: CommandError): string {
  if (error.stderr.includes('Permission denied')) {
    return 'guests may not open /dev/kvm (group kvm and mode 0660 would let them); guests are emulated';
  }
  if (error.exitCode === undefined) {
    return `/dev/kvm opens, but a small guest did not run under it within ${KVM_DEADLINE_MS / 1000} s; guests are emulated`;
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
async function probeEngine(context: ProbeContext, directory: string): Promise<DiskEngine> {
  for (const engine of ENGINES) {
    if (await opensDisk(context, directory, engine)) return engine;
  }
  throw new Error(`${QEMU} cannot open a file in ${directory} in any way`);
}

async function opensDisk(
  context: ProbeContext,
  directory: string,
  engine: DiskEngine,
): Promise<boolean> {
  const direct = engine.direct ? 'on' : 'off';
  const file = `driver=file,filename=${BOOT_DISK},node-name=f,aio=${engine.aio},cache.direct=${direct}`;
  const args = [
    ...['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-sandbox', SANDBOX, '-blockdev', file, '-qmp', 'stdio'],
  ];
  const input = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n';
  try {
    await runConfined(context, directory, { args, input, timeoutMs: QEMU_START_DEADLINE_MS });
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

async function runConfined(
  context: ProbeContext,
  directory: string,
  options: {
    args: readonly string[];
    input?: string;
    timeoutMs: number;
    allowExitCodes?: readonly number[];
  },
): Promise<void> {
  const { args, ...rest } = options;
  const confined = confine(await confinementFor(context.probeUid), QEMU, args);
  await context.commands.run(confined.file, confined.args, {
    cwd: directory,
    env: CLEAN_ENVIRONMENT,
    ...rest,
  });
}
