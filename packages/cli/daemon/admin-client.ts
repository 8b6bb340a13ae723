// Owns the command line's side of the admin socket.

import { request } from 'node:http';
import { hasCode } from '@ironbark/platform/files.ts';
import { Problem } from '../problem.ts';
import { ADMIN_METHODS, type AdminApi, type AdminMethod } from './admin-api.ts';
import { dataPaths } from './paths.ts';

/** Stopping guests takes the longest: each may use its whole grace period. */
const CALL_TIMEOUT_MS = 180_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Nobody listens, or whoever did was killed while it was asked. */
const AWAY = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'];

/** Undefined when no daemon listens there. */
export async function findDaemon(dataDir: string): Promise<AdminApi | undefined> {
  const socketPath = dataPaths(dataDir).adminSocket;
  const client = createAdminClient(socketPath);
  try {
    await client.status();
    return client;
  } catch (error) {
    if (AWAY.some((code) => hasCode(error, code))) return undefined;
    if (hasCode(error, 'EACCES')) throw notAllowed(dataDir, error);
    throw error;
  }
}

/** `self` is how the person calls us. */
export async function getDaemon(dataDir: string, self = './ironbark'): Promise<AdminApi> {
  const daemon = await findDaemon(dataDir);
  if (daemon !== undefined) return daemon;
  throw new Problem(`no cloud is running from ${dataDir}`, [
    `start it with: ${self} up`,
    'for another cloud name its folder: --data-dir FOLDER',
  ]);
}

function notAllowed(dataDir: string, cause: unknown): Problem {
  const problem = new Problem(`you may not use the cloud in ${dataDir}`, [
    'run this as the user that started it, for example with sudo',
  ]);
  problem.cause = cause;
  return problem;
}

function createAdminClient(socketPath: string): AdminApi {
  const entries = ADMIN_METHODS.map((method) => [
    method,
    (body: unknown) => call(socketPath, method, body),
  ]);
  return Object.fromEntries(entries) as AdminApi;
}

function call(socketPath: string, method: AdminMethod, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      path: `/${method}`,
      method: 'POST',
      timeout: CALL_TIMEOUT_MS,
    });
    outgoing.once('timeout', () =>
      outgoing.destroy(new Error(`the daemon did not answer ${method} in time`)),
    );
    // A daemon that dies meanwhile may make more than one.
    outgoing.on('error', reject);
    outgoing.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error('the daemon answered too much'));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () =>
        settle(response.statusCode, Buffer.concat(chunks), resolve, reject),
      );
    });
    outgoing.end(JSON.stringify(body ?? {}));
  });
}

function settle(
  status: number | undefined,
  body: Buffer,
  resolve: (value: unknown) => void,
  reject: (error: Error) => void,
): void {
  const answer = JSON.parse(body.toString('utf8')) as { error?: string };
  if (status === 200) resolve(answer);
  else reject(new Problem(answer.error ?? `the daemon answered ${status}`));
}
