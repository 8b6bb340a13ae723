// Owns how a storage daemon is started: its arguments, its files and the engines it may open a volume with.

import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { volumeFileName } from './file-backend.ts';

/** How a volume's file is opened. `direct` goes past the host's page cache. */
export interface Engine {
  aio: 'io_uring' | 'native' | 'threads';
  direct: boolean;
}

/** With what a daemon is started. */
export interface DaemonEngine {
  engine: Engine;
  /** Its volume's bytes are opened with a key that it gets later. */
  isSealed: boolean;
}

/** From best to worst; the first that the host can do is used. QEMU allows `native` only with `direct`. */
export const ENGINES: readonly Engine[] = [
  { aio: 'io_uring', direct: true },
  { aio: 'native', direct: true },
  { aio: 'threads', direct: true },
  { aio: 'io_uring', direct: false },
  { aio: 'threads', direct: false },
];

export function renderEngine(engine: Engine): string {
  return `${engine.aio},${engine.direct ? 'direct' : 'cached'}`;
}

/** QEMU's own words when the kernel or the file system lacks what the engine needs. */
export function isEngineTrouble(log: string): boolean {
  return /io_uring|AIO|O_DIRECT|direct I\/O|not supported|Invalid argument/i.test(log);
}

/** Paths below the data folder, which is the daemon's working directory: its parents stay closed to it. */
export interface DaemonPaths {
  volume: string;
  /** The daemon's own: everything that it makes lies in it. */
  directory: string;
  /** Where the daemon listens for hosts; they know it by another name (export-sockets.ts). */
  ownSocket: string;
  /** Where the points in time are read while nobody may open the volume. */
  privateSocket: string;
  controlSocket: string;
  pidFile: string;
  log: string;
  /** What an enclosed daemon has mounted, when it is more than all daemons have. */
  mounts: string;
}

export const DAEMON_DIRECTORIES = {
  volumes: 'volumes',
  exports: 'run/exports',
  control: 'run/control',
  /** A name of its own for each disk that holds a volume. */
  devices: 'run/devices',
  /** Pid files and logs: daemons cannot enter it. QEMU's own --pidfile resolves the whole path. */
  processes: 'run/processes',
  /** What a volume held at a point in time and has overwritten since. */
  overwritten: 'overwritten',
  /** Which parts of a volume have come from its snapshot. */
  filling: 'filling',
} as const;

export function volumePath(id: VolumeId): string {
  return `${DAEMON_DIRECTORIES.volumes}/${volumeFileName(id)}`;
}

export function daemonPaths(id: VolumeId): DaemonPaths {
  const { control, processes } = DAEMON_DIRECTORIES;
  return {
    directory: `${control}/${id}`,
    volume: volumePath(id),
    ownSocket: `${control}/${id}/export`,
    privateSocket: `${control}/${id}/nbd`,
    controlSocket: `${control}/${id}/qmp`,
    pidFile: `${processes}/${id}.pid`,
    log: `${processes}/${id}.log`,
    mounts: `${processes}/${id}.mounts`,
  };
}

/** Where the Storage Controller serves snapshots to daemons: in a folder that they and it may enter. */
export const SOURCES_SOCKET = `${DAEMON_DIRECTORIES.volumes}/.sources`;

export function daemonPathsIn(dataDir: string, id: VolumeId): DaemonPaths {
  const entries = Object.entries(daemonPaths(id));
  const absolute = entries.map(([name, path]) => [name, join(dataDir, path)]);
  return Object.fromEntries(absolute) as DaemonPaths;
}

/** sun_path holds 108 bytes with its closing zero. */
const MAX_SOCKET_PATH_BYTES = 107;

export function requireSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'host',
    message: `The data folder's path is too long for Unix sockets: ${path} has more than ${MAX_SOCKET_PATH_BYTES} bytes. Choose a shorter folder.`,
  });
}

export const DAEMON = 'qemu-storage-daemon';
/** The node that a file is, and the node that is exported. The format is always named, never probed. */
export const FILE_NODE = 'file';
export const DISK_NODE = 'disk';

/** What of the backend is an encrypted volume, with its header; FILE_NODE comes above it, with the key. */
export const CIPHER_NODE = 'cipher';

/** `bottom`: what ends in FILE_NODE, wherever the volume's bytes are; or in CIPHER_NODE, and the rest comes later. */
export function daemonArguments(
  id: VolumeId,
  bottom: readonly Record<string, unknown>[],
): string[] {
  const paths = daemonPaths(id);
  const isSealed = bottom.at(-1)?.['node-name'] === CIPHER_NODE;
  const disk = `driver=raw,node-name=${DISK_NODE},file=${FILE_NODE},discard=unmap`;
  return [
    ...bottom.flatMap((node) => ['--blockdev', JSON.stringify(node)]),
    ...(isSealed ? [] : ['--blockdev', disk]),
    '--chardev',
    `socket,id=control,path=${paths.controlSocket},server=on,wait=off`,
    '--monitor',
    'chardev=control',
  ];
}

/** The part of the arguments that only this volume's daemon has. */
export function daemonMark(id: VolumeId): string {
  return `path=${daemonPaths(id).controlSocket},`;
}
