// Owns how a gate is started: the process that lets another host open a volume over TCP, with TLS and a key of that
// one attachment. It is a client of the volume's own daemon, which needs no network and knows of no key.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { DAEMON_DIRECTORIES, daemonPaths } from './daemon-arguments.ts';

export const GATES = 'run/gates';

/** Below the data folder, which is the gate's working directory. */
export function gatePaths(id: VolumeId) {
  const directory = `${GATES}/${id}`;
  return {
    directory,
    /** QEMU's name for it. */
    keys: `${directory}/keys.psk`,
    /** The same. Without it a gate makes a prime of its own at each start: from a tenth of a second to more than ten. */
    dhParams: `${directory}/dh-params.pem`,
    /** The port stays the same when a gate is started again: whoever waits for it tries there. */
    port: `${directory}/port`,
    /** QEMU's NBD server keeps the length that it began with. */
    size: `${directory}/size`,
    pidFile: `${DAEMON_DIRECTORIES.processes}/${gateName(id)}.pid`,
    log: `${DAEMON_DIRECTORIES.processes}/${gateName(id)}.log`,
  };
}

/** The one who may come in: the key is what counts. */
export const GATE_USER = 'attachment';
/** Standard input, output and error come first. */
const LISTENER = 3;
/** As long as a guest waits for its volume (decision 0002). */
const RECONNECT_DELAY_S = 24 * 60 * 60;

/** It inherits the socket that it listens on as descriptor 3. */
export function gateArguments(id: VolumeId): string[] {
  const { ownSocket } = daemonPaths(id);
  const server = { type: 'unix', path: ownSocket };
  const node = { driver: 'nbd', 'node-name': 'volume', server, export: id };
  return [
    '--object',
    `tls-creds-psk,id=tls,dir=${gatePaths(id).directory},endpoint=server`,
    '--blockdev',
    JSON.stringify({ ...node, 'reconnect-delay': RECONNECT_DELAY_S, discard: 'unmap' }),
    '--nbd-server',
    `addr.type=fd,addr.str=${LISTENER},tls-creds=tls,max-connections=0`,
    '--export',
    `type=nbd,id=gate,node-name=volume,name=${id},writable=on`,
  ];
}

/** The part of the arguments that only this volume's gate has. */
export function gateMark(id: VolumeId): string {
  return `dir=${gatePaths(id).directory},`;
}

/** Of its control group, too. */
export function gateName(id: VolumeId): string {
  return `${id}.gate`;
}

export const GATE_FOLDER = /^vol-[0-9a-f]+$/;
