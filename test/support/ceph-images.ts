// Owns looking at images of a Ceph under test from outside of a cloud: their bytes against what they should be, QEMU’s own
// client that has one open, and all that Ceph says of one which is wrong.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { type AttachedProcess, systemCommands } from '@ironbark/platform/commands.ts';
import { type CephCluster, POOL, USER } from './ceph-cluster.ts';

export const OBJECT_BYTES = 4 * MIB;
/** Of each kind of fact about an image that is wrong. */
const LINES_SHOWN = 64;
const PROMPT = 'qemu-io> ';

/** Of an image, or of a point in time of one. */
export async function readImage(ceph: CephCluster, spec: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-image-'));
  try {
    const path = join(folder, 'bytes');
    await ceph.rbd('export', '--no-progress', spec, path);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A line for each object that differs: where it begins to, and what is there instead. */
export function describeDifferences(found: Buffer, expected: Buffer): string[] {
  if (found.length !== expected.length) {
    return [`there are ${found.length} bytes instead of ${expected.length}`];
  }
  const lines: string[] = [];
  for (let from = 0; from < expected.length; from += OBJECT_BYTES) {
    const one = found.subarray(from, from + OBJECT_BYTES);
    const other = expected.subarray(from, from + OBJECT_BYTES);
    if (one.equals(other)) continue;
    const at = one.findIndex((byte, index) => byte !== other[index]);
    const count = one.reduce((sum, byte, index) => sum + (byte === other[index] ? 0 : 1), 0);
    const what = one.every((byte) => byte === 0) ? 'all of it zeros' : `there is ${one[at]}`;
    lines.push(`object ${from / OBJECT_BYTES}: ${count} bytes differ, from ${at} on: ${what}`);
  }
  return lines;
}

/**
 * What Ceph says of an image: whether its map of objects is believed, which objects it is said to have, which there are,
 * and where it reads as zeros. The check of the map is last, as it marks a map that is wrong.
 */
export async function describeImage(ceph: CephCluster, name: string): Promise<string> {
  const spec = `${POOL}/${name}`;
  const parts = [
    ceph.rbd('info', spec),
    ceph.rbd('snap', 'ls', '--all', spec),
    ceph.rbd('diff', '--whole-object', spec),
    listObjects(ceph, spec),
    listZeros(ceph, spec),
  ];
  const told = await Promise.all(parts.map(cut));
  return [...told, await cut(ceph.rbd('object-map', 'check', '--no-progress', spec))].join(
    '\n--\n',
  );
}

async function cut(work: Promise<string>): Promise<string> {
  const text = await work.catch(String);
  return text.trim().split('\n').slice(0, LINES_SHOWN).join('\n');
}

async function listZeros(ceph: CephCluster, spec: string): Promise<string> {
  const bytes = await readImage(ceph, spec);
  const zeros: number[] = [];
  for (let from = 0; from < bytes.length; from += OBJECT_BYTES) {
    const isZeros = bytes.subarray(from, from + OBJECT_BYTES).every((byte) => byte === 0);
    if (isZeros) zeros.push(from / OBJECT_BYTES);
  }
  return `objects that read as zeros: ${zeros.join(' ')}`;
}

async function listObjects(ceph: CephCluster, spec: string): Promise<string> {
  const { id } = JSON.parse(await ceph.rbd('info', '--format', 'json', spec)) as { id: string };
  const { stdout } = await rados(ceph, 'ls');
  const own = stdout.split('\n').filter((name) => name.includes(id));
  return own.toSorted().join('\n');
}

/** As the cluster's administrator. */
export function rados(ceph: CephCluster, ...args: string[]) {
  return systemCommands.run('rados', ['--conf', ceph.confPath, '--pool', POOL, ...args]);
}

/** Has an image open, as a guest’s disk is: what it says it has done is so for others only after a flush. */
export class ImageClient implements AsyncDisposable {
  readonly #process: AttachedProcess;
  #heard = '';

  private constructor(process: AttachedProcess) {
    this.#process = process;
    process.stdout.on('data', (piece) => {
      this.#heard += String(piece);
    });
    process.stderr.on('data', (piece) => {
      this.#heard += String(piece);
    });
  }

  static async open(ceph: CephCluster, spec: string, how: readonly string[] = []) {
    const login = `id=${USER}:conf=${ceph.confPath}:keyring=${ceph.keyringPath}`;
    const args = [...how, '-f', 'raw', `rbd:${spec}:${login}`];
    const options = { cwd: '/', env: process.env as Record<string, string> };
    const client = new ImageClient(await systemCommands.startAttached('qemu-io', args, options));
    await client.#untilPrompt();
    return client;
  }

  /** Throws what it says when it does not go well, as when other bytes are read than asked for. */
  async run(command: string): Promise<void> {
    this.#heard = '';
    this.#process.stdin.write(`${command}\n`);
    await this.#untilPrompt();
    if (/fail|error/i.test(this.#heard)) throw new Error(`${command}: ${this.#heard.trim()}`);
  }

  /** Does not wait for what it does. */
  begin(command: string): void {
    this.#process.stdin.write(`${command}\n`);
  }

  /** Ceph knows at once that it is gone. */
  async close(): Promise<void> {
    this.begin('quit');
    await this.#process.ended;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.ended;
  }

  async #untilPrompt(): Promise<void> {
    const isThere = () => this.#heard.endsWith(PROMPT);
    while (!isThere()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#process.stdout.once('data', () => resolve());
      const ending = await Promise.race([promise, this.#process.ended]);
      if (ending !== undefined && !isThere()) throw new Error(`qemu-io ended: ${this.#heard}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
