// Owns GateKeeper on a wire: what a front end accepts from a node that asks for the way to a volume, and what that node
// accepts as the answer.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { GateAccess } from '../nbd-gates.ts';
import { id, integer, object, pattern } from './checks.ts';
import { MAX_OPENINGS } from './instance-checks.ts';
import type { CallTransport } from './transport.ts';

/** Which of a volume's attachments. */
export interface GateKey {
  id: VolumeId;
  opening: number;
}

export const gateKeyCheck = object<GateKey>({ id: id('vol'), opening: integer(1, MAX_OPENINGS) });

const gateAccess = object<GateAccess>({
  port: integer(1, 65_535),
  user: pattern(/^[a-z]{1,32}$/),
  key: pattern(/^[0-9a-f]{64}$/),
  sizeBytes: integer(1, Number.MAX_SAFE_INTEGER),
});

/** Undefined: the attachment is over. */
export async function askForGate(
  transport: Pick<CallTransport, 'call'>,
  key: GateKey,
): Promise<GateAccess | undefined> {
  const answer = await transport.call('findGate', { id: key.id, opening: key.opening });
  return answer === null ? undefined : gateAccess(answer, '');
}
