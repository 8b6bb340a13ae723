// Owns three ways of writing a file, of which one keeps it: the harness has to tell them apart.

import { constants } from 'node:fs';
import { open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Value } from './promises.ts';
import type { OpenWorkload, Workload, WorkloadInput } from './workload.ts';

/** `unsynced`: write, rename. `nameless`: the file is synced, its name is not. `synced`: both are. */
export type FileDiscipline = 'unsynced' | 'nameless' | 'synced';

/** More files than are written in one session; old ones are overwritten then. */
const FILES = 500;
const LENGTH = 3_000;

export function fileDiscipline(discipline: FileDiscipline): Workload {
  return async (input) => ({
    read: () => readAll(input.folder),
    write: () => writeForever(input, discipline),
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

async function writeForever(
  { folder, promise, session }: WorkloadInput,
  discipline: FileDiscipline,
): ReturnType<OpenWorkload['write']> {
  for (let n = 0; ; n++) {
    const name = `file-${n % FILES}`;
    const value = `${session}.${n}`;
    await promise({ [name]: value }, () => writeOne(join(folder, name), value, discipline));
  }
}

async function writeOne(path: string, value: string, discipline: FileDiscipline): Promise<void> {
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

function contentOf(value: string): string {
  return `${value} `.padEnd(LENGTH, 'x');
}
