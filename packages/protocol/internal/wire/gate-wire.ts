// Owns GateKeeper on a wire: what a front end accepts from a node that asks for the way to a volume, and what that node
// accepts as the answer.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { GateAccess } from '../nbd-gates.ts';
import { flag, id, integer, object, pattern } from './checks.ts';
import { MAX_OPENINGS } from './instance-checks.ts';
import type { CallTransport } from './transport.ts';

/** Which of a volume's attachments. */
export interface GateKey {
  id: VolumeId;
  opening: number;
}

/** What a node asks with. */
export interface GateQuestion extends GateKey {
  /** Absent from nodes of before gates had a length, which refuse an answer with one. */
  withSize?: boolean;
}

export const gateKeyCheck = object<GateQuestion>({
  id: id('vol'),
  opening: integer(1, MAX_OPENINGS),
  withSize: { optional: flag },
});

/** As who asks can read it. */
export function answerForGate(
  { withSize = false }: GateQuestion,
  access: GateAccess | undefined,
): KnownGate | null {
  if (access === undefined) return null;
  const { sizeBytes, ...before } = access;
  return withSize ? { ...before, sizeBytes } : before;
}

/** Without a length from a front end that does not say it yet. */
export type KnownGate = Omit<GateAccess, 'sizeBytes'> & { sizeBytes?: number };

const gateAccess = object<KnownGate>({
  port: integer(1, 65_535),
  user: pattern(/^[a-z]{1,32}$/),
  key: pattern(/^[0-9a-f]{64}$/),
  sizeBytes: { optional: integer(1, Number.MAX_SAFE_INTEGER) },
});

/** Undefined: the attachment is over. */
export async function askForGate(
  transport: Pick<CallTransport, 'call'>,
  key: GateKey,
): Promise<KnownGate | undefined> {
  const question = { id: key.id, opening: key.opening };
  const answer = await transport
    .call('findGate', { ...question, withSize: true })
    .catch((error: unknown) => {
      // A front end of before does not know the wish.
      if (!isServiceError(error) || error.kind !== 'malformed-input') throw error;
      return transport.call('findGate', question);
    });
  return answer === null ? undefined : gateAccess(answer, '');
}
