// Owns what the rules may know of a request: who asks, from where, and with which headers and query.

import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';

export interface Asker {
  /** Undefined: the request is not signed. */
  principal: Principal | undefined;
  query: ReadonlyMap<string, string>;
  /** Of a lower-case name; one character a byte. */
  header(name: string): string | undefined;
  sourceAddress: string;
  isSecure: boolean;
}

/** One of the cloud's own services. */
export function insider(principal: Principal): Asker {
  return {
    principal,
    query: new Map(),
    header: () => undefined,
    sourceAddress: '127.0.0.1',
    isSecure: true,
  };
}
