// Owns a user without rights on this host, as whom tests run the command line: a home of its own, the same Node.js,
// and a checkout that it can read. Making one needs root.

import { access, chmod, chown, copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { CACHE_FOLDER } from './cache-folder.ts';

/** Debian's base-passwd gives it to every system. ssh does not run as a number that has no name. */
const NAME = 'games';
const OTHERS_MAY_READ = 0o755;
const projectDir = resolve(import.meta.dirname, '../..');
/** What the command line needs of a checkout. */
const PARTS = ['ironbark', 'package.json', 'package-lock.json', 'packages', 'node_modules'];

export interface OtherUser extends AsyncDisposable {
  home: string;
  /** The command that starts the CLI as this user, and its environment. */
  command: { file: string; args: readonly string[]; env: Record<string, string> };
}

export async function createOtherUser(): Promise<OtherUser> {
  const { uid, gid } = await lookUp(NAME);
  const home = await mkdtemp('/var/tmp/ironbark-test-');
  const as = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--'];
  const node = join(home, 'node');
  await copyFile(process.execPath, node);
  await chmod(node, OTHERS_MAY_READ);
  await chown(home, uid, gid);
  await seedCache(home, { uid, gid });
  const checkout = await readableCheckout(home, as);
  return {
    home,
    command: {
      file: 'setpriv',
      args: [...as, join(checkout, 'ironbark')],
      env: { HOME: home, PATH: '/usr/local/bin:/usr/bin:/bin', IRONBARK_NODE: node },
    },
    [Symbol.asyncDispose]: async () => await rm(home, { recursive: true, force: true }),
  };
}

async function lookUp(name: string): Promise<{ uid: number; gid: number }> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${name}`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** Packages that were fetched before are not fetched again; the image is built all the same. */
async function seedCache(home: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  const images = join(home, '.cache/ironbark/images');
  await mkdir(images, { recursive: true });
  const fetched = join(CACHE_FOLDER, 'images/packages');
  const isThere = await access(fetched).then(
    () => true,
    () => false,
  );
  if (isThere) await systemCommands.run('cp', ['-r', fetched, images]);
  await systemCommands.run('chown', ['-R', `${uid}:${gid}`, join(home, '.cache')]);
}

/** This checkout, or a copy of it when others may not look into the folders above it. */
async function readableCheckout(home: string, as: readonly string[]): Promise<string> {
  const look = [...as, 'test', '-r', join(projectDir, 'package.json')];
  const { exitCode } = await systemCommands.run('setpriv', look, { allowExitCodes: [0, 1] });
  if (exitCode === 0) return projectDir;
  const copy = join(home, 'checkout');
  await mkdir(copy);
  await systemCommands.run('cp', ['-a', ...PARTS.map((part) => join(projectDir, part)), copy]);
  await chmod(copy, OTHERS_MAY_READ);
  return copy;
}
