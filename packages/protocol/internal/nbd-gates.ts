// Owns the contract of gates: a volume that is exported on its own host, opened to another one over TCP.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { BlockExport } from './instance-messages.ts';

export interface NbdGate {
  export: BlockExport;
  /** Who comes in, and what it takes: TLS with this pre-shared key. It opens this volume and no other. */
  user: string;
  /** Hexadecimal. A secret: to the node that has the attachment, nowhere else. */
  key: string;
}

export interface NbdGates {
  /** `address` is this host's, on the network that storage has. Opening again gives the same gate. */
  open(id: VolumeId, address: string): Promise<NbdGate>;
  /** When this resolves whoever came through it is cut off, and the key is worth nothing. */
  close(id: VolumeId): Promise<void>;
  list(): Promise<VolumeId[]>;
}
