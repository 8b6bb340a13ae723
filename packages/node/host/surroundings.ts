// Owns what a place of a node's network is told besides its subnets.

import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import type { Overlays } from './overlays.ts';
import type { Peers } from './peering-plan.ts';

export interface Surroundings {
  /** Every VPC that the node knows. */
  vpcs: readonly VpcIntent[];
  /** The host's ends of the ways out of VPCs with name spaces of their own. */
  uplinks?: readonly string[];
  /** In such a name space: what leads out of it. */
  wayOut?: string;
  /** Where the address service asks for names; absent: where the host asks. */
  resolvers?: string;
  /** What leads to ports on other nodes. */
  overlays?: Pick<Overlays, 'find' | 'mtuOf'>;
  /** Which VPCs reach each other. */
  peers?: Peers;
}
