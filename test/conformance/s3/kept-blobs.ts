// Owns what a test sees of a store from behind: which blobs it keeps, in files or in an engine.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { Client } from 'pg';

export interface KeptBlobs {
  /** The files of blobs on the disk, where small ones have none, or their names in the engine. */
  blobFiles(): Promise<string[]>;
  /** The files of the log, where small blobs stand on a disk. */
  logFiles(): Promise<string[]>;
  /** All bytes that it keeps, wherever. */
  keptBytes(): Promise<Buffer[]>;
  /** What there is of an upload from its first byte on: files, or rows where only whole blobs are to be seen. */
  begunBlobs(): Promise<string[]>;
  /** Ids of the blobs that the state knows of. */
  blobIds(): Promise<string[]>;
  /** Nothing waits to be removed. */
  isClean(): Promise<boolean>;
}

const LIST_IDS = 'SELECT id FROM blob ORDER BY id';

export async function filesOf(dataDir: string): Promise<KeptBlobs> {
  const blobFiles = () => listFiles(join(dataDir, 'blobs'));
  const logFiles = () => listFiles(join(dataDir, 'log'));
  return {
    ...{ blobFiles, logFiles, begunBlobs: blobFiles },
    keptBytes: async () => {
      const files = [...(await blobFiles()), ...(await logFiles())];
      return await Promise.all(files.map((file) => readFile(file)));
    },
    blobIds: async () => {
      using state = new DatabaseSync(join(dataDir, 'objects.sqlite'), { readOnly: true });
      const rows = state.prepare(LIST_IDS).all();
      return rows.map(({ id }) => String(id));
    },
    isClean: async () => true,
  };
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

export async function openSharedView({
  database,
  engine,
}: SharedSettings): Promise<KeptBlobs & AsyncDisposable> {
  const client = new Client(database);
  await client.connect();
  const ask = async (text: string) => (await client.query<Record<string, string>>(text)).rows;
  const blobFiles = async () => {
    const [row] = await ask('SELECT name FROM store_name');
    return await listKeys(engine, `${row!['name']}/`);
  };
  const blobIds = async () => (await ask(LIST_IDS)).map(({ id }) => id!);
  return {
    ...{ blobFiles, blobIds, begunBlobs: blobIds },
    logFiles: async () => [],
    keptBytes: async () =>
      await Promise.all((await blobFiles()).map(async (key) => await get(engine, `/${key}`))),
    isClean: async () =>
      (await ask("SELECT id FROM blob WHERE state <> 'stored' LIMIT 1")).length === 0,
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function listKeys(engine: SharedSettings['engine'], prefix: string): Promise<string[]> {
  const query = new URLSearchParams({ 'list-type': '2', prefix });
  const page = (await get(engine, `?${query}`)).toString();
  return [...page.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key!);
}

async function get(engine: SharedSettings['engine'], rest: string): Promise<Buffer> {
  const url = new URL(`${engine.endpoint}/${engine.bucket}${rest}`);
  const headers = signRequest({
    ...{ ...engine, service: 's3', method: 'GET', url, headers: {}, body: '' },
    nowMs: Date.now(),
  });
  return Buffer.from(await (await fetch(url, { headers })).arrayBuffer());
}
