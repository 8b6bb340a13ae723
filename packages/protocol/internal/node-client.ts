// Owns the contract between a Cluster Controller and a node.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { NodeIntent, NodeReport } from './instance-messages.ts';

export interface ConsoleOutput {
  /** The newest bytes that the guest wrote to its serial console. */
  bytes: Uint8Array;
  /** ISO 8601 time of the newest byte. */
  updatedAt: string;
}

export interface NodeClient {
  /** Hands over the whole desired document. Older generations than the node's own are ignored. */
  putIntent(intent: NodeIntent): Promise<void>;
  /** What the node sees now. */
  getReport(): Promise<NodeReport>;
  /** At most the newest 64 KiB. Throws not-found for an instance that the node does not have. */
  getConsoleOutput(id: InstanceId): Promise<ConsoleOutput>;
  /** Calls back whenever the report has changed; returns the way to stop that. */
  onChange(listener: () => void): () => void;
}
