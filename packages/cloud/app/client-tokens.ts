// Owns idempotent calls: the same ClientToken with the same parameters is the same call, whenever it comes again.

import { createHash } from 'node:crypto';
import { findClientToken, insertClientToken } from '../store/client-tokens.ts';
import type { Caller, Change } from './change.ts';
import { invalidValue, refuse } from './refusals.ts';

export interface TokenedCall {
  action: string;
  token: string | undefined;
  /** The request's parameters; the token itself and DryRun do not count. */
  parameters: object;
}

/** EC2's limit (API reference, "Ensuring idempotency"). */
const MAX_TOKEN_CHARACTERS = 64;

/** Calls `make` unless the token was used before; answers the ids that the first call made. */
export async function makeOnce<Id extends string>(
  { tx, nowMs }: Change,
  caller: Caller,
  call: TokenedCall,
  make: () => Promise<Id[]>,
): Promise<Id[]> {
  const { action, token } = call;
  if (token === undefined || token === '') return make();
  if (token.length > MAX_TOKEN_CHARACTERS || !/^[\x21-\x7e]+$/.test(token)) {
    throw invalidValue(
      'ClientToken',
      token.slice(0, 80),
      'It has 1 to 64 printable ASCII characters.',
    );
  }
  const key = { accountId: caller.accountId, action, token };
  const parametersHash = hashParameters(call.parameters);
  const before = await findClientToken(tx, key);
  if (before === undefined) {
    const ids = await make();
    const resourceIds = JSON.stringify(ids);
    await insertClientToken(tx, { ...key, parametersHash, resourceIds, createdAt: nowMs });
    return ids;
  }
  if (before.parametersHash !== parametersHash) throw mismatch(token);
  return JSON.parse(before.resourceIds) as Id[];
}

function mismatch(token: string): Error {
  return refuse(
    'idempotency-mismatch',
    'client-token',
    `The client token '${token}' was used before with other parameters. Use a new token for a new request.`,
  );
}

function hashParameters(parameters: object): string {
  const { ClientToken: _token, DryRun: _dryRun, ...rest } = parameters as Record<string, unknown>;
  return createHash('sha256').update(renderStable(rest)).digest('hex');
}

/** JSON with sorted keys, so that the order in which a client writes them does not matter. */
function renderStable(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    const isRecord = typeof part === 'object' && part !== null && !Array.isArray(part);
    if (!isRecord || part instanceof Uint8Array) return part;
    return Object.fromEntries(
      Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  });
}
