// Owns a PostgreSQL of a test's own: Debian's programs, a folder that goes with it, a Unix socket, no port. It refuses to
// run as root, so root runs it as somebody who owns nothing.

import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import {
  type PostgresTarget,
  parsePostgresUrl,
} from '@ironbark/platform/database/postgres-target.ts';

/** Debian has each version in a folder of its own. */
const VERSIONS = '/usr/lib/postgresql';
/** Debian's `nobody`, which every system has. */
const NOBODY = 65_534;
const START_TIMEOUT_MS = 60_000;
const USER = 'ironbark';

export interface PostgresServer extends AsyncDisposable {
  url: string;
  target: PostgresTarget;
  /** Another empty database of it. */
  createDatabase(name: string): Promise<string>;
  /** Ends it as a power cut would, and starts it again once `meanwhile` has ended. */
  crash(meanwhile?: () => Promise<void>): Promise<void>;
}

/** Undefined where Debian's package `postgresql` is not installed. */
export async function findPostgres(): Promise<string | undefined> {
  const versions = await readdir(VERSIONS).catch(() => []);
  const newest = versions.toSorted((one, other) => Number(other) - Number(one))[0];
  return newest === undefined ? undefined : join(VERSIONS, newest, 'bin');
}

/** A reason to skip, for `test`: false where it is there. */
export async function postgresIsMissing(): Promise<string | false> {
  return (await findPostgres()) === undefined
    ? 'PostgreSQL is missing: apt-get install postgresql'
    : false;
}

/** `isSafe`: commits are synced, as they are where it matters; otherwise it is a little faster. */
export async function startPostgres({ isSafe = false } = {}): Promise<PostgresServer> {
  const programs = await findPostgres();
  if (programs === undefined) throw new Error('PostgreSQL is missing: apt-get install postgresql');
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-postgres-'));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(folder, NOBODY, NOBODY);
  const as = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', '--'];
  const run = async (program: string, args: string[]) => {
    const file = join(programs, program);
    const options = { cwd: folder, timeoutMs: START_TIMEOUT_MS };
    if (isRoot) await systemCommands.run('setpriv', [...as, file, ...args], options);
    else await systemCommands.run(file, args, options);
  };
  const data = join(folder, 'data');
  const settings = [
    ...[`-k ${folder}`, "-c listen_addresses=''", '-c max_connections=200'],
    ...(isSafe ? [] : ['-c fsync=off']),
  ].join(' ');
  const log = join(folder, 'log');
  const start = () => run('pg_ctl', ['-D', data, '-w', '-l', log, '-o', settings, 'start']);
  const stop = (mode: string) => run('pg_ctl', ['-D', data, '-w', '-m', mode, 'stop']);
  // A language whose order of text is not that of its bytes, as administrators have it.
  const language = ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US'];
  const made = ['-D', data, '-U', USER, '--auth=trust', '--encoding=UTF8', ...language];
  try {
    await run('initdb', [...made, '--no-sync', '--no-instructions']);
    await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const urlOf = (name: string) => `postgres://${USER}@/${name}?host=${folder}`;
  return {
    url: urlOf('postgres'),
    target: parsePostgresUrl(urlOf('postgres')),
    createDatabase: async (name) => {
      await run('createdb', ['-h', folder, '-U', USER, name]);
      return urlOf(name);
    },
    crash: async (meanwhile) => {
      await stop('immediate');
      await meanwhile?.();
      await start();
    },
    [Symbol.asyncDispose]: async () => {
      await stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
