// Owns that `node:fs/promises` leads to memory for paths under one prefix, and to the real disk for all others.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { MemoryFiles } from './memory-files.ts';

type Functions = Record<string, (...args: unknown[]) => unknown>;

export interface MountedFiles extends Disposable {
  files: MemoryFiles;
}

/** Lets go of the prefix when it is disposed. One mount at a time is enough for one simulation. */
export function mountFiles(prefix: string): MountedFiles {
  const files = new MemoryFiles(prefix);
  const functions = fs.promises as unknown as Functions;
  const originals = Object.entries(functions).filter(([, value]) => typeof value === 'function');
  for (const [name, original] of originals) {
    functions[name] = (...args) =>
      files.isInside(args[0])
        ? inMemory(files, name, args as [string, ...unknown[]])
        : original.apply(fs.promises, args);
  }
  syncBuiltinESMExports();
  return {
    files,
    [Symbol.dispose]: () => {
      for (const [name, original] of originals) functions[name] = original;
      syncBuiltinESMExports();
    },
  };
}

function inMemory(files: MemoryFiles, name: string, args: [string, ...unknown[]]): unknown {
  const own = files.functions[name];
  if (own === undefined)
    throw new Error(`files in memory have no ${name}; add it to memory-files.ts`);
  return own(...(args as [string, ...never[]]));
}
