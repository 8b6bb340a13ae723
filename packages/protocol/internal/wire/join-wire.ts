// Owns what a front end accepts from a host that wants to join, which may be anybody, and what that host accepts.

import type { CloudTerms, JoinAnswer, JoinRequest } from '../join-messages.ts';
import { integer, object, oneOf, pattern, privateNetwork } from './checks.ts';

/** As hosts are called. */
export const NODE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NODE_ID = /^node-[a-z0-9][a-z0-9-]{0,62}$/;
const PUBLIC_KEY =
  /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]{1,200}\n-----END PUBLIC KEY-----\n$/;
const CERTIFICATE =
  /^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]{1,4000}\n-----END CERTIFICATE-----\n$/;

export const joinRequestCheck = object<JoinRequest>({
  protocol: integer(0, Number.MAX_SAFE_INTEGER),
  version: pattern(/^[\x20-\x7e]{1,64}$/),
  tokenId: pattern(/^[0-9a-f]{16}$/),
  secret: pattern(/^[0-9a-f]{48}$/),
  name: pattern(NODE_NAME),
  publicKey: pattern(PUBLIC_KEY),
});

export const joinAnswerCheck = object<JoinAnswer>({
  nodeId: pattern(NODE_ID),
  certificate: pattern(CERTIFICATE),
  terms: object<CloudTerms>({
    region: pattern(/^[a-z0-9-]{1,64}$/),
    hypervisor: oneOf('qemu', 'simulated'),
    network: oneOf('bridge', 'user', 'simulated'),
    vpcCidr: privateNetwork,
  }),
});
