// Owns our changes to an installed Debian: settings, the kernel's modules, and what must not be shared.

import { chmod, cp, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import type { UnpackedKernel } from '../boot/kernel.ts';
import type { BuildContext } from '../build/build-context.ts';
import { type DebianSuite, renderGuestSources } from './recipe.ts';

export interface ConfigureInput {
  suite: DebianSuite;
  root: string;
  kernel: UnpackedKernel;
}

const VOLUMES_FOLDER = join(import.meta.dirname, '../volumes');
const VOLUMES_UNIT = 'ironbark-volumes';
const VOLUMES_PROGRAMS = [VOLUMES_UNIT, 'ironbark-nbd'];
const GUEST_FILES = join(import.meta.dirname, 'guest');

export async function configureRoot(context: BuildContext, input: ConfigureInput): Promise<void> {
  const { root, kernel } = input;
  await cp(GUEST_FILES, root, { recursive: true });
  await writeUnsynced(join(root, 'etc/apt/sources.list'), renderGuestSources(input.suite));
  await addModules(context, root, kernel);
  await addVolumesUnit(root);
  await removeIdentity(root);
  await useResolved(root);
}

/** Enabled as `systemctl enable` does it. */
async function addVolumesUnit(root: string): Promise<void> {
  const folder = join(root, 'usr/lib/ironbark');
  await mkdir(folder, { recursive: true });
  for (const program of VOLUMES_PROGRAMS) {
    await cp(join(VOLUMES_FOLDER, program), join(folder, program));
    await chmod(join(folder, program), 0o755);
  }
  const name = `${VOLUMES_UNIT}.service`;
  await cp(join(VOLUMES_FOLDER, name), join(root, 'etc/systemd/system', name));
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
  await mkdir(wants, { recursive: true });
  await symlink(`../${name}`, join(wants, name));
}

async function addModules(
  context: BuildContext,
  root: string,
  kernel: UnpackedKernel,
): Promise<void> {
  const folder = join(root, 'usr/lib/modules', kernel.release);
  await mkdir(join(root, 'usr/lib/modules'), { recursive: true });
  await cp(kernel.modulesFolder, folder, { recursive: true });
  await context.commands.run('chroot', [root, 'depmod', kernel.release]);
}

/** Every instance makes its own: host keys, machine id, random seed. */
async function removeIdentity(root: string): Promise<void> {
  const keys = await readdir(join(root, 'etc/ssh'));
  for (const name of keys.filter((key) => key.startsWith('ssh_host_'))) {
    await rm(join(root, 'etc/ssh', name));
  }
  // Empty, not absent: systemd then makes one without treating the boot as the first of an installation.
  await writeUnsynced(join(root, 'etc/machine-id'), '');
  await chmod(join(root, 'etc/machine-id'), 0o444);
  for (const path of ['var/lib/dbus/machine-id', 'var/lib/systemd/random-seed', 'var/log/apt']) {
    await rm(join(root, path), { recursive: true, force: true });
  }
}

async function useResolved(root: string): Promise<void> {
  const path = join(root, 'etc/resolv.conf');
  await rm(path, { force: true });
  await symlink('../run/systemd/resolve/stub-resolv.conf', path);
}
