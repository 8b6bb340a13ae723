// Owns a MinIO on the loopback address, to be measured against: the `minio` of the machine, or one that is built here
// where there is a Go. Undefined where there is neither.

import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '@ironbark/node/host/free-port.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';
import { endProcess, findProcess } from '@ironbark/platform/processes.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { findProgram } from '../../packages/cli/host-packages.ts';
import { CACHE_FOLDER } from './cache-folder.ts';

/** The last one that was published. */
const MODULE = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';
const BUILD_TIMEOUT_MS = 3_600_000;
const START_TIMEOUT_MS = 60_000;
const KEY = { accessKeyId: 'ironbarkbench', secretAccessKey: 'not-a-secret-of-anybody' };

export interface MinioServer extends AsyncDisposable {
  url: string;
  key: typeof KEY;
  /**
   * It syncs an object's file and then renames it, and answers before the name is on stable storage: `MINIO_FS_OSYNC` changes
   * nothing of that. Of a bucket with this, the file system keeps each change of a folder before the call returns.
   */
  syncNames(bucket: string): Promise<void>;
}

export async function findMinio(explain: (line: string) => void): Promise<string | undefined> {
  const path = process.env['PATH'] ?? '';
  const found = await findProgram('minio', path);
  if (found !== undefined) return found;
  const folder = join(CACHE_FOLDER, 'peers');
  const built = join(folder, 'minio');
  if (await exists(built)) return built;
  const go = await findProgram('go', path);
  if (go === undefined) return undefined;
  explain('building MinIO, once: this takes minutes and two gigabytes for the time');
  const sources = join(folder, 'go');
  await mkdir(folder, { recursive: true });
  try {
    const env = { PATH: path, HOME: folder, GOPATH: sources, GOCACHE: join(sources, 'cache') };
    await systemCommands.run(go, ['install', MODULE], {
      env: { ...env, GOBIN: folder, GOFLAGS: '-modcacherw', CGO_ENABLED: '0' },
      timeoutMs: BUILD_TIMEOUT_MS,
    });
    return built;
  } catch (error) {
    explain(`MinIO cannot be built here: ${String(error).split('\n')[0]}`);
    return undefined;
  } finally {
    await rm(sources, { recursive: true, force: true });
  }
}

/** Its data is in a folder of its own below `place`. */
export async function startMinio(program: string, place: string): Promise<MinioServer> {
  const folder = await mkdtemp(join(place, 'minio-'));
  const port = await findFreePort(systemRandom, new Set());
  const other = await findFreePort(systemRandom, new Set([port]));
  await using output = await open(join(folder, 'output'), 'w');
  const addresses = ['--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${other}`];
  const { pid } = await systemCommands.startDetached(
    program,
    ['server', join(folder, 'data'), ...addresses],
    {
      env: {
        HOME: folder,
        MINIO_ROOT_USER: KEY.accessKeyId,
        MINIO_ROOT_PASSWORD: KEY.secretAccessKey,
      },
      stdio: ['ignore', output.fd, output.fd],
    },
  );
  const identity = await findProcess(pid);
  if (identity === undefined) throw new Error(`MinIO ended at once: see ${folder}`);
  const end = async () => {
    await endProcess(identity, { clock: systemClock, graceMs: 0, isAsked: true });
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    const isLive = async () => {
      const answer = await fetch(`${url}/minio/health/ready`).catch(() => undefined);
      return answer?.status === 200;
    };
    const timing = { clock: systemClock, timeoutMs: START_TIMEOUT_MS, intervalMs: 100 };
    await waitFor(isLive, { ...timing, what: 'MinIO' });
  } catch (error) {
    await end();
    throw error;
  }
  const syncNames = async (bucket: string) => {
    await systemCommands.run('chattr', ['+D', join(folder, 'data', bucket)]);
  };
  return { url, key: KEY, syncNames, [Symbol.asyncDispose]: end };
}
