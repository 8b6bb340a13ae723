// Owns the contract of gates: a volume that is exported on its own host, opened to another one over TCP.

import type { NodeId, VolumeId } from '@ironbark/core/ids.ts';
import type { BlockExport } from './instance-messages.ts';

export interface NbdGate {
  export: BlockExport;
  /** Who comes in, and what it takes: TLS with this pre-shared key. It opens this volume and no other. */
  user: string;
  /** Hexadecimal. A secret: to the node that has the attachment, nowhere else. */
  key: string;
}

/** What a node needs to come in, besides the address of the front end, which it knows. Kept in no database. */
export interface GateAccess {
  port: number;
  user: string;
  /** Hexadecimal. */
  key: string;
  /** How long the volume is to whoever comes in: of one that grows there is another gate. */
  sizeBytes: number;
}

/** Who asks has shown its certificate. */
export interface GateKeeper {
  /** Undefined: the gate is closed for good, to this node. Throws while it is to be opened and is not. */
  findGate(
    nodeId: NodeId,
    attachment: { id: VolumeId; opening: number },
  ): Promise<GateAccess | undefined>;
}

/** What an attachment's gate listens at: below the ports that Linux gives to those who ask for any. */
export const GATE_PORTS = { first: 10_810, last: 11_809 };

export interface NbdGates {
  /**
   * `address` is this host's, on the network that storage has, and `sizeBytes` what the volume has now. Opening again
   * gives the same gate; one of another length makes way for the next, with its key and port.
   */
  open(id: VolumeId, how: { address: string; sizeBytes: number }): Promise<NbdGate>;
  /** When this resolves whoever came through it is cut off, and the key is worth nothing. */
  close(id: VolumeId): Promise<void>;
  list(): Promise<VolumeId[]>;
  /** There is something to close: a gate that serves, is to serve again, or is of another version. */
  isThere(id: VolumeId): Promise<boolean>;
  /** Undefined while none is served. */
  find(id: VolumeId): Promise<GateAccess | undefined>;
  /** Ends it and keeps its key and port: whoever came through it waits for the next one. */
  end(id: VolumeId): Promise<void>;
  /** Calls back when a gate has died by itself. */
  onExit(listener: (id: VolumeId) => void): () => void;
  /** Lets go of running gates without ending them. */
  detach(): void;
}
