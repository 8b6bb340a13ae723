// Owns what `doctor` checks: the host's facts, and the accelerator, proven by running a guest.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CALIBRATION_FILE } from '@ironbark/core/io-calibration.ts';
import type { DriverFingerprint } from '@ironbark/node/drivers/hypervisor-driver.ts';
import { type Host, lookAtHost } from '@ironbark/node/drivers/qemu/host.ts';
import { gatherHostFacts } from '@ironbark/node/host/gather-host-facts.ts';
import { evaluateHost, type HostCheck } from '@ironbark/node/host/host-facts.ts';
import { readIoCalibration } from '@ironbark/node/host/io-calibration.ts';
import { exists } from '@ironbark/platform/files.ts';
import { findConfig } from './cloud-config.ts';
import type { CliContext } from './context.ts';
import { dataPaths } from './daemon/paths.ts';
import { findProgram } from './host-packages.ts';
import type { StepProgress } from './terminal.ts';

/** `nobody`: the probe's guest runs as an unprivileged user, as every guest does. */
const PROBE_UID = 65_534;

export async function checkHost(
  context: CliContext,
  path: string,
  progress: StepProgress,
): Promise<HostCheck[]> {
  const { commands, dataDir } = context;
  progress('kernel, programs, memory, disk');
  const config = await findConfig(dataDir);
  const known = config === undefined ? {} : { vpcCidr: config.vpcCidr };
  const checks = evaluateHost(await gatherHostFacts({ commands, dataDir, ...known }));
  progress('running a guest');
  const disk = await checkDisk(dataPaths(dataDir).node, context.self);
  return [...(await checkGuests(context, path)), disk, ...checks];
}

/** As `lab tune` found it. `node`: the node's folder. */
export async function checkDisk(node: string, self: string): Promise<HostCheck> {
  const name = 'disk engine';
  const known = await readIoCalibration(node);
  const path = join(node, CALIBRATION_FILE);
  if (known === undefined && (await exists(path))) {
    const detail = `${path} is no calibration, so nodes go by the best that QEMU accepts here`;
    return { name, status: 'warn', detail, fix: `${self} lab tune writes another` };
  }
  if (known === undefined) {
    const detail = 'the best that QEMU accepts here; nothing was measured';
    return { name, status: 'ok', detail, fix: `${self} lab tune measures` };
  }
  const { readBytesPerSecond, writeBytesPerSecond, aio, measuredAt, reason } = known;
  const rates = [readBytesPerSecond, writeBytesPerSecond].map((rate) => (rate / 1e6).toFixed(0));
  const detail = `${aio}, as measured at ${measuredAt}: ${rates[0]} MB/s read, ${rates[1]} written. ${reason}`;
  return { name, status: 'ok', detail, fix: '' };
}

async function checkGuests(context: CliContext, path: string): Promise<HostCheck[]> {
  if ((await findProgram('qemu-system-x86_64', path)) === undefined) {
    const fix = `${context.self} up installs it, or: apt-get install qemu-system-x86`;
    return [{ name: ACCELERATION, status: 'fail', detail: 'QEMU is not installed', fix }];
  }
  const { fingerprint, isolationGaps } = await lookAtGuests(
    context,
    context.isRoot ? PROBE_UID : undefined,
  );
  return [checkAccelerator(fingerprint), checkIsolation(isolationGaps)];
}

/** How guests run here, found by running one, as this user or as another. */
export async function lookAtGuests(
  context: CliContext,
  probeUid: number | undefined,
): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-doctor-'));
  try {
    await chmod(folder, 0o711);
    const { commands, clock } = context;
    return await lookAtHost({ commands, clock, dataDir: folder, probeUid });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const ACCELERATION = 'acceleration';

function checkAccelerator({ accelerator, reason }: DriverFingerprint): HostCheck {
  const isFast = accelerator === 'kvm';
  const status = isFast ? 'ok' : 'warn';
  const fix = isFast ? '' : `${SLOW}; ${adviseOnKvm(reason)}`;
  return { name: ACCELERATION, status, detail: reason, fix };
}

function checkIsolation(gaps: readonly string[]): HostCheck {
  const name = 'isolation';
  if (gaps.length === 0) {
    const detail = 'each guest gets a user, name spaces, a root folder and limits of its own';
    return { name, status: 'ok', detail, fix: '' };
  }
  const fix =
    'run it as root on a kernel with name spaces and control groups, outside of a container';
  return { name, status: 'warn', detail: gaps.join('; '), fix };
}

const SLOW = 'emulation is about 10 times slower, and no boundary between tenants';

function adviseOnKvm(reason: string): string {
  if (reason.includes('may not open')) {
    return 'as root: chgrp kvm /dev/kvm; chmod 0660 /dev/kvm; and put yourself into the group kvm if you run it';
  }
  if (reason.includes('no /dev/kvm')) {
    return 'turn on virtualization in the firmware, or nested virtualization if this is a guest';
  }
  return 'the kernel may say more: dmesg | grep -i kvm';
}
