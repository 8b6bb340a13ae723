// Owns `ironbark test`: every test, with the host packages that they need.

import { join } from 'node:path';
import type { CliContext } from '../context.ts';
import {
  DEBIAN_IMAGE_PACKAGES,
  ensurePackages,
  findProgram,
  type HostPackage,
  NETWORK_PACKAGES,
  RUN_PACKAGES,
} from '../host-packages.ts';

/** Clients and tools that only the tests use. */
const TEST_PACKAGES: readonly HostPackage[] = [
  { name: 'awscli', programs: ['aws'], why: 'the AWS CLI, which the tests drive' },
  { name: 'util-linux', programs: ['setpriv', 'losetup', 'fallocate'], why: 'fault tests' },
  { name: 'libnbd-bin', programs: ['nbdfuse'], why: 'disks whose power is cut' },
  { name: 'fuse3', programs: ['fusermount3'], why: 'their mounts' },
  { name: 'e2fsprogs', programs: ['mkfs.ext4', 'e2fsck'], why: 'their file systems' },
  { name: 'strace', programs: ['strace'], why: 'processes that die at a chosen moment' },
  { name: 'postgresql', programs: ['pg_ctlcluster'], why: 'state that several gateways share' },
  { name: 'busybox-static', programs: ['busybox'], why: 'stands in for guests in network tests' },
];

export async function runTests(
  context: CliContext,
  names: readonly string[],
  path: string,
): Promise<number> {
  if (context.isRoot && (await findProgram('apt-get', path)) !== undefined) {
    const wanted = [
      ...RUN_PACKAGES,
      ...NETWORK_PACKAGES,
      ...DEBIAN_IMAGE_PACKAGES,
      ...TEST_PACKAGES,
    ];
    await ensurePackages(context, { wanted, path, yes: true });
  }
  const script = join(context.projectDir, 'tools/run-tests.ts');
  return await context.commands.runInteractive(process.execPath, [script, ...names]);
}
