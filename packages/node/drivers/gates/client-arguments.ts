// Owns how a gate's client is started: the process by which the guests of this host have a volume of another one. It comes
// in there with TLS and the key of the attachment, and serves a Unix socket here; a guest itself has no network.

import type { VolumeId } from '@ironbark/core/ids.ts';

import type { GateKey, KnownGate } from '@ironbark/protocol/internal/wire/gate-wire.ts';

export const CLIENT = 'qemu-storage-daemon';

export const CLIENT_FOLDERS = {
  clients: 'clients',
  /** Where guests are led to; clients cannot enter it. */
  exports: 'exports',
  /** Of clients; they cannot enter it. */
  processes: 'processes',
} as const;

/** Below the folder of all. */
export function clientPaths(key: GateKey) {
  const name = clientName(key);
  const { clients, exports, processes } = CLIENT_FOLDERS;
  return {
    /** The client's own, and all that it sees. */
    directory: `${clients}/${name}`,
    ownSocket: `${clients}/${name}/nbd`,
    /** QEMU's name for it. */
    keys: `${clients}/${name}/keys.psk`,
    exported: `${exports}/${name}.nbd`,
    pidFile: `${processes}/${name}.pid`,
    log: `${processes}/${name}.log`,
    /** With what it was started. */
    access: `${processes}/${name}.json`,
  };
}

export function clientName({ id, opening }: GateKey): string {
  return `${id}.${opening}`;
}

export function parseClientName(name: string): GateKey | undefined {
  const [, id, opening] = NAME.exec(name) ?? [];
  return id === undefined ? undefined : { id: id as VolumeId, opening: Number(opening) };
}

const NAME = /^(vol-[0-9a-f]+)\.([1-9][0-9]*)$/;
/** As long as a guest waits for its volume (decision 0002). */
const RECONNECT_DELAY_S = 24 * 60 * 60;

/** IPv4 of the front end, and what it told of the gate. */
export interface GatePlace extends KnownGate {
  host: string;
}

export function clientArguments(key: GateKey, { host, port, user }: GatePlace): string[] {
  const server = { type: 'inet', host, port: String(port), 'keep-alive': true };
  const node = { driver: 'nbd', 'node-name': 'volume', server, export: key.id };
  const ways = { 'tls-creds': clientName(key), 'reconnect-delay': RECONNECT_DELAY_S };
  return [
    '--object',
    `tls-creds-psk,${clientMark(key)}endpoint=client,username=${user}`,
    '--blockdev',
    JSON.stringify({ ...node, ...ways, discard: 'unmap' }),
    '--nbd-server',
    'addr.type=unix,addr.path=nbd,max-connections=0',
    '--export',
    `type=nbd,id=client,node-name=volume,name=${key.id},writable=on`,
  ];
}

/** The part of the arguments that only this client has. */
export function clientMark(key: GateKey): string {
  return `id=${clientName(key)},dir=.,`;
}
