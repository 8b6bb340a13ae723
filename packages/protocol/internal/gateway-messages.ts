// Owns what a gateway of Walrus on another host has of its cloud: who signed, keys of accounts, and the record of calls.

import type { AuditLog } from './audit-log.ts';
import type { AwaitedEnvelopes } from './envelopes.ts';
import type { IdentityClient } from './identity-client.ts';

/** What both sides say in TLS that the connection is for (ALPN). */
export const GATEWAY_SESSION = 'ironbark-gateway/1';

/** What the cloud lends its gateways. */
export interface GatewayServices {
  identity: IdentityClient;
  /** Undefined while the keyring is not there. */
  envelopes: () => AwaitedEnvelopes | undefined;
  audit: AuditLog;
}

export interface GatewayHello {
  /** False: it was removed. */
  isGateway: boolean;
  /** Of the cloud's Ironbark: gateways of another one may keep the shared state in another way. */
  version: string;
}
