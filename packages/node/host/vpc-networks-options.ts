// Owns what the networks of a node are made with.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';

export interface VpcNetworksOptions {
  /** Stable for the life of the data folder; part of every name on the host. */
  cloudId: string;
  commands: Commands;
  clock: Clock;
  logger: Logger;
  /** Where the metadata service listens on this host. */
  metadataPort: number;
  /** Which of the nodes that VPCs speak of this is; absent: all ports are here. */
  nodeId?: NodeId;
  /** A name space that stands for the host, which `commands` run in; absent: the host itself. */
  hostNamespace?: string;
  /** TCP ports of the host that guests may reach, such as the cloud's own API. None by default. */
  hostPorts?: readonly number[];
  /** Starts the metadata service of a name space; absent: its guests have none. */
  serveMetadata?: (vpcId: string, namespace: string) => Promise<AsyncDisposable>;
}
