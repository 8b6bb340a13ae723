// Owns what an administrator does with gateways on other hosts.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Identity } from '@ironbark/platform/certificates.ts';
import type { FrontAddress } from '../cloud-config.ts';

export interface GatewayRequest {
  name: string;
  /** Where gateways come to; absent: where they do already. */
  host?: string;
  /** Absent: the usual one, or the next free one. */
  port?: number;
}

/** For one gateway, and as secret as what it opens. */
export interface GatewayInvitation {
  name: string;
  front: FrontAddress;
  /** PEM. */
  authority: string;
  identity: Identity;
}

export interface ListedGateway {
  name: string;
  isConnected: boolean;
  /** Where it comes from. */
  address?: string;
  invitedAt: string;
}

export interface GatewayAdmin {
  inviteGateway(request: GatewayRequest): Promise<GatewayInvitation>;
  listGateways(): Promise<ListedGateway[]>;
  removeGateway(request: { name: string }): Promise<ListedGateway>;
}

/** Of a cloud whose objects are in files. */
export function noGateways(): GatewayAdmin {
  const refuse = async () => {
    throw new ServiceError({
      kind: 'operation-not-permitted',
      resource: 'host',
      message:
        'This cloud has its objects in files, which gateways cannot share. A new cloud has them in a database and an engine with: ironbark up --objects-database … (docs/operate/objects.md)',
    });
  };
  return { inviteGateway: refuse, removeGateway: refuse, listGateways: async () => [] };
}
