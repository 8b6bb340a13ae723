// Owns the hint that a volume's target was started again: it makes its socket anew, which shows in the socket's
// folder. Only a hint; the look at a guest that comes from time to time finds the same a few seconds later.

import { type FSWatcher, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from '@ironbark/platform/logger.ts';

export interface WatchedTarget {
  socketPath: string;
  /** Of the volume, as the document has it. */
  sizeBytes: number;
}

export interface TargetWatch extends Disposable {
  /** Watches for these sockets and no others. */
  follow(targets: readonly WatchedTarget[]): void;
}

export interface GateOptions {
  /** What has volumes of another host; stays the caller's. Absent: all are served on this one. */
  gates?:
    | {
        follow(targets: readonly WatchedTarget[]): void;
        /** False while a guest that asked there for so many bytes would wait with all that it is. */
        isLongEnough(target: WatchedTarget): boolean;
      }
    | undefined;
}

export interface TargetWatchOptions extends GateOptions {
  logger: Logger;
  /** A socket was made or removed. */
  onChange: (socketPath: string) => void;
}

export function createTargetWatch(options: TargetWatchOptions): TargetWatch {
  const watchers = new Map<string, FSWatcher>();
  let followed: ReadonlySet<string> = new Set();
  const drop = (folder: string) => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  const open = (folder: string) => {
    try {
      const watcher = watch(folder, { persistent: false }, (kind, name) => {
        const path = join(folder, name ?? '');
        if (kind === 'rename' && followed.has(path)) options.onChange(path);
      });
      // A folder that went away is watched again when the next volume comes.
      watcher.once('error', () => drop(folder));
      watchers.set(folder, watcher);
    } catch (error) {
      options.logger.debug('a folder of targets cannot be watched', { folder, error });
    }
  };
  return {
    follow: (targets) => {
      followed = new Set(targets.map(({ socketPath }) => socketPath));
      options.gates?.follow(targets);
      const folders = new Set([...followed].map((path) => dirname(path)));
      for (const folder of [...watchers.keys()]) if (!folders.has(folder)) drop(folder);
      for (const folder of folders) if (!watchers.has(folder)) open(folder);
    },
    [Symbol.dispose]: () => {
      for (const folder of [...watchers.keys()]) drop(folder);
    },
  };
}
