// Owns how a relay is started: the process by which one of several guests opens a volume. It is a client of the volume's own
// daemon, and serves one guest at a socket of its own.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { DAEMON_DIRECTORIES, daemonPaths } from './daemon-arguments.ts';
import { sharedExport } from './shared-exports.ts';

export const RELAYS = 'run/relays';

/** One opening of a volume. */
export interface RelayKey {
  id: VolumeId;
  opening: number;
}

/** Below the data folder, which is the relay's working directory. */
export function relayPaths({ id, opening }: RelayKey) {
  const directory = `${RELAYS}/${relayName({ id, opening })}`;
  return {
    /** The relay's own: what it makes lies in it. */
    directory,
    ownSocket: `${directory}/nbd`,
    controlSocket: `${directory}/qmp`,
    pidFile: `${DAEMON_DIRECTORIES.processes}/${relayName({ id, opening })}.pid`,
    log: `${DAEMON_DIRECTORIES.processes}/${relayName({ id, opening })}.log`,
  };
}

export function relayName({ id, opening }: RelayKey): string {
  return `${id}.${opening}`;
}

export function parseRelayName(name: string): RelayKey | undefined {
  const [, id, opening] = NAME.exec(name) ?? [];
  return id === undefined ? undefined : { id: id as VolumeId, opening: Number(opening) };
}

const NAME = /^(vol-[0-9a-f]+)\.([1-9][0-9]*)$/;
/** What it has of the volume's daemon. */
export const RELAYED_NODE = 'volume';
/** As long as a guest waits for its volume (decision 0002). */
const RECONNECT_DELAY_S = 24 * 60 * 60;

export function relayArguments(key: RelayKey): string[] {
  const { ownSocket, controlSocket } = relayPaths(key);
  const server = { type: 'unix', path: daemonPaths(key.id).privateSocket };
  const node = {
    driver: 'nbd',
    'node-name': RELAYED_NODE,
    server,
    export: sharedExport(key.opening),
  };
  return [
    '--blockdev',
    JSON.stringify({ ...node, 'reconnect-delay': RECONNECT_DELAY_S, discard: 'unmap' }),
    '--nbd-server',
    `addr.type=unix,addr.path=${ownSocket},max-connections=0`,
    '--export',
    `type=nbd,id=relay,node-name=${RELAYED_NODE},name=${key.id},writable=on`,
    '--chardev',
    `socket,id=control,path=${controlSocket},server=on,wait=off`,
    '--monitor',
    'chardev=control',
  ];
}

/** The part of the arguments that only this relay has. */
export function relayMark(key: RelayKey): string {
  return `path=${relayPaths(key).controlSocket},`;
}
