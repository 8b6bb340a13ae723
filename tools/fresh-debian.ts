// Owns the proof that a fresh Debian 12 with nothing but git and a shell gets a cloud: a minimal system is made with
// mmdebstrap, and in it a new user's first commands are run, each with its time. Needs root, mmdebstrap and a network.
//
//   npm run fresh-debian               the commits of this checkout, not its uncommitted changes
//
// It ends with an error when anything is left, so no other cloud may come or go on this host meanwhile.
// The bare system is kept in /var/tmp/ironbark-fresh-debian; the run's own copy is removed at the end.

import { access, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findHostSources, renderSources } from '@ironbark/images/debian/host-sources.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { assertSameHost, snapshotHost } from '../test/support/host-snapshot.ts';

const KEPT = '/var/tmp/ironbark-fresh-debian';
const SUITE = 'bookworm';
const BOOTSTRAP_TIMEOUT_MS = 20 * 60_000;
const projectDir = resolve(import.meta.dirname, '..');

/** How this host reaches package archives, which a new system does not know by itself. */
const NETWORK_FILES = ['/etc/resolv.conf', '/etc/hosts', '/etc/ssl/certs/ca-certificates.crt'];

/** What a new user types; the last lines are ours, and print what should not be there. */
const SESSION = `
step() {
  began=$(date +%s)
  echo "── $*"
  "$@"
  echo "── $(($(date +%s) - began)) s: $*"
}
cd /root/ironbark
set -e
# Whatever goes wrong, nothing stays on this host's network.
trap './ironbark purge --yes >/dev/null 2>&1' EXIT
step ./ironbark up --yes --no-tune
step ./ironbark launch --name web
step ./ironbark ssh web -- uname -a
step ./ironbark status
step ./ironbark down
step ./ironbark up --no-tune
step ./ironbark purge --yes
trap - EXIT
test ! -e /var/lib/ironbark
for directory in /proc/[0-9]*; do
  case $(cat "$directory/comm" 2>/dev/null) in
    qemu* | dnsmasq | node | MainThread) echo "left: $(tr '\\0' ' ' <"$directory/cmdline")"; exit 1 ;;
  esac
done
`;

/** Mounts are private to it, and whatever it leaves running ends with it. */
const ENTER = `
set -e
mount -t proc proc "$0/proc"
mount --rbind /sys "$0/sys"
mount --rbind /dev "$0/dev"
exec chroot "$0" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "$1"
`;

const base = await ensureBase();
const before = await snapshotHost(KEPT);
const folder = await mkdtemp(join(KEPT, 'run-'));
try {
  const root = await prepareRoot(base, folder);
  const isolation = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
  const args = [...isolation, '--', 'sh', '-c', ENTER, root, SESSION];
  process.exitCode = await systemCommands.runInteractive('unshare', args);
} finally {
  await rm(folder, { recursive: true, force: true });
}
assertSameHost(before, await snapshotHost(KEPT));

/** A tar of the smallest Debian with git, and the certificates without which git clones nothing over HTTPS. */
async function ensureBase(): Promise<string> {
  const path = join(KEPT, `${SUITE}.tar`);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return path;
  process.stdout.write('Making the bare system (once, about a minute)\n');
  await mkdir(KEPT, { recursive: true });
  const tools = { commands: systemCommands, clock: systemClock, logger: silentLogger };
  const sources = renderSources(await findHostSources({ ...tools, workDir: KEPT }, SUITE));
  await writeFile(join(KEPT, 'sources.list'), sources);
  const unfinished = join(KEPT, 'unfinished.tar');
  const wanted = ['--quiet', '--variant=minbase', '--include=git,ca-certificates', SUITE];
  await systemCommands.run('mmdebstrap', [...wanted, unfinished, join(KEPT, 'sources.list')], {
    timeoutMs: BOOTSTRAP_TIMEOUT_MS,
  });
  await rename(unfinished, path);
  return path;
}

async function prepareRoot(tar: string, parent: string): Promise<string> {
  const root = join(parent, 'root');
  await mkdir(root);
  await systemCommands.run('tar', ['-xf', tar, '-C', root]);
  for (const path of NETWORK_FILES) await copyFile(path, join(root, path));
  // npm brings certificates of its own unless it is told of the system's.
  await writeFile(join(root, 'root/.npmrc'), 'cafile=/etc/ssl/certs/ca-certificates.crt\n');
  const clone = [
    '-c',
    'safe.directory=*',
    'clone',
    '--quiet',
    projectDir,
    join(root, 'root/ironbark'),
  ];
  await systemCommands.run('git', clone);
  return root;
}
