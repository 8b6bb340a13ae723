// Owns the Debian packages that the host needs, and how they come onto it.

import { access, constants, glob } from 'node:fs/promises';
import { join } from 'node:path';
import type { CliContext } from './context.ts';
import { Problem } from './problem.ts';

export interface HostPackage {
  name: string;
  /** The package is there when all of these programs are. */
  programs: readonly string[];
  /** And these files below the folders of libraries. */
  files?: readonly string[];
  why: string;
}

export const RUN_PACKAGES: readonly HostPackage[] = [
  {
    name: 'qemu-system-x86',
    programs: ['qemu-system-x86_64', 'qemu-storage-daemon'],
    why: 'runs the virtual machines and serves their volumes',
  },
  { name: 'qemu-utils', programs: ['qemu-img'], why: 'converts images at import' },
  { name: 'openssh-client', programs: ['ssh', 'ssh-keygen'], why: 'ironbark ssh and its key pair' },
  { name: 'e2fsprogs', programs: ['mke2fs'], why: 'makes the images’ file systems' },
];

/** Needed for guests with addresses of their own, which only root can give. */
export const NETWORK_PACKAGES: readonly HostPackage[] = [
  { name: 'iproute2', programs: ['ip'], why: 'bridges and taps' },
  { name: 'nftables', programs: ['nft'], why: 'address translation and spoof protection' },
  { name: 'dnsmasq-base', programs: ['dnsmasq'], why: 'addresses and names for guests' },
];

/** Needed for what the I/O lab measures. */
export const LAB_PACKAGES: readonly HostPackage[] = [
  {
    name: 'qemu-system-x86',
    programs: ['qemu-system-x86_64', 'qemu-storage-daemon'],
    why: 'runs the guests that are measured, and shows modelled disks as files',
  },
  { name: 'e2fsprogs', programs: ['mkfs.ext4'], why: 'makes the file system of disks in files' },
  { name: 'mount', programs: ['losetup', 'mount', 'umount'], why: 'gives them devices' },
  { name: 'util-linux', programs: ['wipefs', 'blockdev'], why: 'looks at what a disk holds' },
];

export const LAB_NETWORK_PACKAGES: readonly HostPackage[] = [
  ...LAB_PACKAGES,
  { name: 'iproute2', programs: ['ip', 'tc'], why: 'name spaces and a wire of known speed' },
];

/** Needed for volumes in a Ceph cluster. */
export const CEPH_PACKAGES: readonly HostPackage[] = [
  { name: 'ceph-common', programs: ['rbd', 'ceph'], why: 'makes and removes images in Ceph' },
  {
    name: 'qemu-block-extra',
    programs: [],
    files: ['qemu/block-rbd.so'],
    why: 'lets QEMU open them',
  },
];

export const DEBIAN_IMAGE_PACKAGES: readonly HostPackage[] = [
  { name: 'mmdebstrap', programs: ['mmdebstrap'], why: 'builds Debian images' },
];

/** Programs of administrators are not always on a plain user's path. */
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
];

export async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of [...path.split(':').filter((part) => part !== ''), ...SYSTEM_FOLDERS]) {
    const file = join(folder, name);
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

const LIBRARIES = '/usr/lib/*-linux-gnu*';

async function isInstalled(name: string): Promise<boolean> {
  const folders = await Array.fromAsync(glob(LIBRARIES));
  const found = folders.map((folder) => access(join(folder, name)));
  return (await Promise.allSettled(found)).some(({ status }) => status === 'fulfilled');
}

export async function missingPackages(
  wanted: readonly HostPackage[],
  path: string,
): Promise<HostPackage[]> {
  const missing: HostPackage[] = [];
  for (const entry of wanted) {
    const found = await Promise.all(entry.programs.map((program) => findProgram(program, path)));
    const files = await Promise.all((entry.files ?? []).map(isInstalled));
    if (found.includes(undefined) || files.includes(false)) missing.push(entry);
  }
  return missing;
}

export interface EnsurePackagesOptions {
  wanted: readonly HostPackage[];
  path: string;
  /** Install without asking. */
  yes: boolean;
}

/** Installs what is missing, after asking; explains what to do when it may not. */
export async function ensurePackages(
  context: CliContext,
  options: EnsurePackagesOptions,
): Promise<void> {
  const missing = await missingPackages(options.wanted, options.path);
  if (missing.length === 0) return;
  const { terminal } = context;
  const names = missing.map((entry) => entry.name);
  terminal.note('These Debian packages are needed:');
  for (const entry of missing) terminal.note(`  ${entry.name.padEnd(18)} ${entry.why}`);
  const install = `apt-get install --no-install-recommends ${names.join(' ')}`;
  if (!options.yes && !(await terminal.confirm('Install them now?'))) {
    throw new Problem('host packages are missing', [
      `let Ironbark install them: ${context.self} up --yes`,
      `or install them yourself: ${context.isRoot ? '' : 'sudo '}${install}`,
    ]);
  }
  await terminal.step(`Installing ${names.length} Debian packages`, async (progress) => {
    progress('package lists');
    const byHand = `have root run: apt-get update; ${install}`;
    await apt(context, ['update', '-qq'], byHand);
    progress(names.join(' '));
    await apt(context, ['install', '-y', '-qq', '--no-install-recommends', ...names], byHand);
  });
}

const APT_TIMEOUT_MS = 20 * 60_000;

async function apt(context: CliContext, args: readonly string[], byHand: string): Promise<void> {
  const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
  const [file, ...rest] = context.isRoot ? command : ['sudo', '-n', ...command];
  try {
    await context.commands.run(file!, rest, { timeoutMs: APT_TIMEOUT_MS });
  } catch (cause) {
    const problem = new Problem(
      `apt-get ${args[0]} failed: ${cause instanceof Error ? cause.message : cause}`,
      [
        context.isRoot
          ? 'check the package sources, then run this again'
          : `sudo does not let you without a password; ${byHand}`,
      ],
    );
    problem.cause = cause;
    throw problem;
  }
}
