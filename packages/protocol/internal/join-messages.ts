// Owns the words in which a host asks to become a node of a cloud, and what it is told.

import type { NodeId } from '@ironbark/core/ids.ts';

/** Grows when a front end and a node of different numbers cannot work together. */
export const NODE_PROTOCOL = 1;

export interface JoinRequest {
  protocol: number;
  /** Of Ironbark; for people. */
  version: string;
  tokenId: string;
  secret: string;
  /** What people will call the node. */
  name: string;
  /** PEM; of a key that stays on the node. */
  publicKey: string;
}

/** What a node has to know of its cloud before its first document. */
export interface CloudTerms {
  region: string;
  hypervisor: 'qemu' | 'simulated';
  network: 'bridge' | 'user' | 'simulated';
  /** The cloud's own block: the node takes no subnet outside. */
  vpcCidr: string;
}

export interface JoinAnswer {
  nodeId: NodeId;
  /** PEM, of the node. */
  certificate: string;
  terms: CloudTerms;
}

/** What a person carries from the front end to the other host. */
export interface JoinToken {
  id: string;
  secret: string;
  /** Lower-case hexadecimal SHA-256 of the authority's certificate: the node talks to nobody else. */
  fingerprint: string;
}

const PREFIX = 'ibjoin';
const FORM = /^ibjoin_([0-9a-f]{16})_([0-9a-f]{48})_([0-9a-f]{64})$/;

export function renderJoinToken({ id, secret, fingerprint }: JoinToken): string {
  return [PREFIX, id, secret, fingerprint].join('_');
}

/** Undefined for what is no token. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const [, id, secret, fingerprint] = FORM.exec(text.trim()) ?? [];
  if (id === undefined || secret === undefined || fingerprint === undefined) return undefined;
  return { id, secret, fingerprint };
}
