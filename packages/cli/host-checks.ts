// Owns what `doctor` checks: the host's facts, and the accelerator, proven by running a guest.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeHost } from '@ironbark/node/drivers/qemu/probe.ts';
import { gatherHostFacts } from '@ironbark/node/host/gather-host-facts.ts';
import { evaluateHost, type HostCheck } from '@ironbark/node/host/host-facts.ts';
import { findConfig } from './cloud-config.ts';
import type { CliContext } from './context.ts';
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
  return [await checkAccelerator(context, path), ...checks];
}

async function checkAccelerator(context: CliContext, path: string): Promise<HostCheck> {
  const name = 'acceleration';
  if ((await findProgram('qemu-system-x86_64', path)) === undefined) {
    const fix = `${context.self} up installs it, or: apt-get install qemu-system-x86`;
    return { name, status: 'fail', detail: 'QEMU is not installed', fix };
  }
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-doctor-'));
  try {
    await chmod(folder, 0o711);
    const { commands, clock, isRoot } = context;
    const { fingerprint } = await probeHost({
      commands,
      clock,
      dataDir: folder,
      probeUid: isRoot ? PROBE_UID : undefined,
    });
    const isFast = fingerprint.accelerator === 'kvm';
    return {
      name,
      status: isFast ? 'ok' : 'warn',
      detail: fingerprint.reason,
      fix: isFast ? '' : `${SLOW}; ${adviseOnKvm(fingerprint.reason)}`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
