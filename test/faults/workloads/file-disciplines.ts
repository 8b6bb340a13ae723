// Owns four ways of writing a file, of which one keeps it: the harnesses have to tell them apart.

import { constants } from 'node:fs';
import { open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Value } from './promises.ts';
import type { Workload, WorkloadInput } from './workload.ts';

/** `in-place`: the file is rewritten under its name, and synced. `unsynced`: write, rename. `nameless`: the file is synced, its name is not. `synced`: both are. */
export type FileDiscipline = 'in-place' | 'unsynced' | 'nameless' | 'synced';

/** More files than are written in one session; old ones are overwritten then. */
const FILES = 500;
const LENGTH = 3_000;
const SCRIPT_LENGTH = 5;

export function fileDiscipline(discipline: FileDiscipline): Workload {
  return async (input) => ({
    read: () => readAll(input.folder),
    write: () => writeForever(input, discipline),
    script: async () => {
      for (let n = 0; n < SCRIPT_LENGTH; n++) await writeNext(input, discipline, n);
    },
  });
}

async function readAll(folder: string): Promise<Record<string, Value>> {
  const names = (await readdir(folder)).filter((name) => /^file-\d+$/.test(name));
  const values: Record<string, Value> = {};
  for (const name of names) {
    const content = await readFile(join(folder, name), 'utf8');
    const value = content.split(' ', 1)[0]!;
    values[name] = content === contentOf(value) ? value : 'damaged';
  }
  return values;
}

async function writeForever(input: WorkloadInput, discipline: FileDiscipline): Promise<never> {
  for (let n = 0; ; n++) await writeNext(input, discipline, n);
}

async function writeNext(
  { folder, promise, session }: WorkloadInput,
  discipline: FileDiscipline,
  n: number,
): Promise<void> {
  const name = `file-${n % FILES}`;
  const value = `${session}.${n}`;
  await promise({ [name]: value }, () => writeOne(join(folder, name), value, discipline));
}

async function writeOne(path: string, value: string, discipline: FileDiscipline): Promise<void> {
  if (discipline === 'in-place') {
    await rewrite(path, contentOf(value));
    return;
  }
  const temporary = `${path}.new`;
  {
    await using handle = await open(temporary, 'w');
    await handle.write(contentOf(value));
    if (discipline !== 'unsynced') await handle.sync();
  }
  await rename(temporary, path);
  if (discipline !== 'synced') return;
  await using directory = await open(join(path, '..'), constants.O_DIRECTORY);
  await directory.sync();
}

async function rewrite(path: string, content: string): Promise<void> {
  await using handle = await open(path, 'w');
  await handle.write(content.slice(0, LENGTH / 2));
  await handle.write(content.slice(LENGTH / 2));
  await handle.sync();
}

function contentOf(value: string): string {
  return `${value} `.padEnd(LENGTH, 'x');
}
