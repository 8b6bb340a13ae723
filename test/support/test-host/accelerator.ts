// Owns how a test host is run: under the KVM of a machine that nests, else emulated with AMD's SVM, which nests anywhere.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lookAtHost } from '@ironbark/node/drivers/qemu/host.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { EMULATED_CPU } from '@ironbark/platform/emulated-cpu.ts';

export type HostHypervisor = 'kvm' | 'xen';

export interface HostAccelerator {
  name: 'kvm' | 'tcg';
  args: readonly string[];
}

const NESTED = ['/sys/module/kvm_amd/parameters/nested', '/sys/module/kvm_intel/parameters/nested'];
/** What QEMU has translated is thrown away as a whole when this is full; a kernel and Node take some 100 MiB. */
const TRANSLATED_MIB = 512;
/** `max` ends Xen's dom0 at once. */
const XEN_CPU = 'qemu64';

export async function findAccelerator(hypervisor: HostHypervisor): Promise<HostAccelerator> {
  // Xen's guests need no nesting, but a Xen that runs under KVM is no test of either.
  if (hypervisor === 'kvm' && (await nestsKvm())) {
    return { name: 'kvm', args: ['-accel', 'kvm', '-cpu', 'host'] };
  }
  const cpu = hypervisor === 'xen' ? XEN_CPU : `${EMULATED_CPU},svm=on`;
  return {
    name: 'tcg',
    args: ['-accel', `tcg,thread=multi,tb-size=${TRANSLATED_MIB}`, '-cpu', cpu],
  };
}

async function nestsKvm(): Promise<boolean> {
  const answers = await Promise.all(NESTED.map((path) => readFile(path, 'utf8').catch(() => '')));
  if (!answers.some((answer) => /^[Y1]/.test(answer))) return false;
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-nested-'));
  try {
    const context = { commands: systemCommands, clock: systemClock, dataDir: folder };
    return (await lookAtHost({ ...context, probeUid: undefined })).accelerator === 'kvm';
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
