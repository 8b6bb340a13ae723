// Owns what a cloud keeps of its gateways on other hosts: its authority over them, where they come to, and which of them
// it knows. Whoever is not on the list is let in no more, whatever certificate it has.

import {
  fingerprintOf,
  type Identity,
  issueCertificate,
  makeAuthority,
  newKeyPair,
} from '@ironbark/platform/certificates.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { readKeptFile, replaceFile } from '@ironbark/platform/files.ts';
import { FRONT_NAME } from '@ironbark/platform/http/tls-listener.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';

export interface KnownGateway {
  name: string;
  /** Of its certificate. */
  fingerprint: string;
  invitedAtMs: number;
}

export interface GatewayList {
  format: 'ironbark-gateways/1';
  host: string;
  port: number;
  authority: Identity;
  /** Of the side that listens. */
  identity: Identity;
  gateways: KnownGateway[];
}

interface Making {
  clock: Clock;
  random: RandomSource;
}

/** Undefined while nobody has been invited. */
export async function readGatewayList(path: string): Promise<GatewayList | undefined> {
  const bytes = await readKeptFile(path);
  if (bytes === undefined) return undefined;
  const found = JSON.parse(bytes.toString('utf8')) as GatewayList | null;
  if (found?.format === 'ironbark-gateways/1') return found;
  throw new Error(`${path} does not hold a list of gateways`);
}

export async function saveGatewayList(path: string, gateways: GatewayList): Promise<void> {
  await replaceFile(path, `${JSON.stringify(gateways, null, 2)}\n`, { mode: 0o600 });
}

/** Nobody is on it; `port` 0 says that it is nowhere yet. */
export function newGatewayList(making: Making): GatewayList {
  const authority = makeAuthority('Ironbark gateways', making);
  const { key, publicKey } = newKeyPair();
  const wishes = { name: FRONT_NAME, use: 'server', publicKey } as const;
  const identity = { certificate: issueCertificate(authority, wishes, making), key };
  return { format: 'ironbark-gateways/1', host: '', port: 0, authority, identity, gateways: [] };
}

/** The key is in the answer alone. */
export function newGateway(
  { authority }: GatewayList,
  name: string,
  making: Making,
): { known: KnownGateway; identity: Identity } {
  const { key, publicKey } = newKeyPair();
  const certificate = issueCertificate(authority, { name, use: 'client', publicKey }, making);
  const fingerprint = fingerprintOf(certificate);
  const known = { name, fingerprint, invitedAtMs: making.clock.nowMs() };
  return { known, identity: { certificate, key } };
}
