// Owns the moment at which test hosts begin: booted once, its memory and its disk kept, so that the next one is there in
// seconds. Under KVM a boot takes as long, and its processor may not be moved; there each of them boots.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BuildKey,
  findFinishedFolder,
  keepFolder,
} from '@ironbark/images/build/build-cache.ts';
import type { BuildContext } from '@ironbark/images/build/build-context.ts';
import type { HostAccelerator, HostHypervisor } from './accelerator.ts';
import { HostLogin } from './host-login.ts';
import { HostMachine, type MachineOptions } from './host-machine.ts';
import type { HostImage } from './image/build-host-image.ts';

export type Beginning = Pick<MachineOptions, 'base' | 'memory'>;

export interface SavedHostInput {
  hypervisor: HostHypervisor;
  accelerator: HostAccelerator;
  image: HostImage;
  shares: MachineOptions['shares'];
}

const FILES = { disk: 'disk.qcow2', memory: 'memory' };
/** Says what machine QEMU makes. */
const MACHINE = join(import.meta.dirname, 'host-machine.ts');
const BOOT_TIMEOUT_MS = 180_000;

export async function findBeginning(
  context: BuildContext,
  input: SavedHostInput,
): Promise<Beginning> {
  const { accelerator, hypervisor, image } = input;
  const fresh: Beginning = { base: { path: image.disk, format: 'raw' } };
  if (accelerator.name === 'kvm' || hypervisor === 'xen') return fresh;
  const key = await savedKey(context, input);
  const kept = await findSaved(context.workDir, key);
  if (kept !== undefined) return kept;
  context.onProgress?.({ step: 'Booting the test host once, to keep its memory', fraction: 0 });
  await keepFolder(context, key, async (folder) => {
    await bootAndSave(input, { fresh, folder });
    return { files: FILES };
  });
  return (await findSaved(context.workDir, key))!;
}

async function savedKey(context: BuildContext, input: SavedHostInput): Promise<BuildKey> {
  const { stdout } = await context.commands.run('qemu-system-x86_64', ['--version']);
  const { accelerator, hypervisor, image, shares } = input;
  const machine = await readFile(MACHINE, 'utf8');
  // A device more, and QEMU does not take the memory up.
  const parts = [hypervisor, accelerator.args, image.buildId, [...shares.keys()]];
  const what = JSON.stringify([machine, stdout, ...parts]);
  const buildId = createHash('sha256').update(what).digest('hex').slice(0, 16);
  return { name: 'test-host-memory', buildId };
}

async function findSaved(workDir: string, key: BuildKey): Promise<Beginning | undefined> {
  const found = await findFinishedFolder<{ files: typeof FILES }>(workDir, key);
  if (found === undefined) return undefined;
  const { disk, memory } = found.record.files;
  return {
    base: { path: join(found.folder, disk), format: 'qcow2' },
    memory: join(found.folder, memory),
  };
}

async function bootAndSave(
  input: SavedHostInput,
  { fresh, folder }: { fresh: Beginning; folder: string },
): Promise<void> {
  const ports = await HostLogin.choosePorts();
  const disk = join(folder, FILES.disk);
  await using machine = await HostMachine.start({ ...input, ...fresh, disk, ports });
  {
    await using login = await HostLogin.open(machine, {
      keyPath: input.image.key,
      ports,
      timeoutMs: BOOT_TIMEOUT_MS,
    });
    await login.run(['sync']);
  }
  await machine.saveMemory(join(folder, FILES.memory));
}
