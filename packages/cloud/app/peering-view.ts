// Owns what is seen of a peering, and for how long: it follows from its row and the time.
//
//   pending-acceptance -> active -> deleted
//        |-> rejected, deleted, expired (nobody answered for a week)
//   failed (from the first)
//
// "VPC peering connection lifecycle" in the Amazon VPC peering guide has the states and times.

import type { AccountId, VpcId } from '@ironbark/core/ids.ts';
import type { VpcPeeringRow } from '../store/network-schema.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ANSWERED_WITHIN_MS = 7 * DAY_MS;
const SHORTLY_MS = 2 * HOUR_MS;
const LONG_MS = 2 * DAY_MS;

export type PeeringState = VpcPeeringRow['status'] | 'initiating-request' | 'expired';

export function peeringStateOf(row: VpcPeeringRow, nowMs: number): PeeringState {
  const isOpen = row.status === 'pending-acceptance';
  return isOpen && nowMs >= expiryOf(row) ? 'expired' : row.status;
}

export function expiryOf({ createdAt }: VpcPeeringRow): number {
  return createdAt + ANSWERED_WITHIN_MS;
}

export function peeringMessage(row: VpcPeeringRow, state: PeeringState): string {
  switch (state) {
    case 'initiating-request':
      return `Initiating Request to ${row.accepterAccountId}`;
    case 'pending-acceptance':
      return `Pending Acceptance by ${row.accepterAccountId}`;
    case 'failed':
      return 'Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range';
    case 'rejected':
    case 'deleted':
      return `${state === 'deleted' ? 'Deleted' : 'Rejected'} by ${row.endedBy}`;
    default:
      return state === 'active' ? 'Active' : 'Expired';
  }
}

/** Whether an account that has one of the sides is shown it. */
export function isPeeringShown(row: VpcPeeringRow, accountId: AccountId, nowMs: number): boolean {
  const { endedAt, endedBy } = row;
  switch (peeringStateOf(row, nowMs)) {
    case 'failed':
      return accountId === row.accountId && nowMs < endedAt! + SHORTLY_MS;
    case 'expired':
      return nowMs < expiryOf(row) + LONG_MS;
    case 'rejected':
      return nowMs < endedAt! + (accountId === row.accountId ? LONG_MS : SHORTLY_MS);
    case 'deleted':
      return nowMs < endedAt! + (accountId === endedBy ? SHORTLY_MS : LONG_MS);
    default:
      return true;
  }
}

/** Before these times nobody is shown what ended, or was asked for and not answered. */
export function forgettable(nowMs: number): { endedAt: number; askedAt: number } {
  return { endedAt: nowMs - LONG_MS, askedAt: nowMs - ANSWERED_WITHIN_MS - LONG_MS };
}

/** The other side's VPC. */
export function peerOf({ vpcId, accepterVpcId }: VpcPeeringRow, own: VpcId): VpcId {
  return own === vpcId ? accepterVpcId : vpcId;
}
