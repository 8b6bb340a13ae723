// Owns temporary credentials: how long they are good, and whose they are.

import type { RandomSource } from '@ironbark/platform/random.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { Credentials } from '@ironbark/protocol/sts/types.ts';
import { updateNamed } from '../../store/iam-names.ts';
import type { RoleTable, SessionTable } from '../../store/iam-schema.ts';
import { insertSession } from '../../store/sessions.ts';
import { newSessionKey } from '../access-keys.ts';
import { invalidValue } from '../refusals.ts';
import type { Change } from './managed-policies.ts';

export interface RoleSessionWish {
  sessionName: string;
  durationSeconds: number;
  /** Session policies; undefined: all that the role may do. */
  policies?: readonly string[] | undefined;
  tags?: Readonly<Record<string, string>>;
  /** The instance that gets them from its profile. */
  instanceId?: string;
}

export async function issueRoleSession(
  { random }: { random: RandomSource },
  { tx, nowMs }: Change,
  role: RoleTable,
  wish: RoleSessionWish,
): Promise<SessionTable> {
  const row: SessionTable = {
    ...newSessionKey(random),
    accountId: role.accountId,
    ...{ holderKind: 'role', holderId: role.id, sessionName: wish.sessionName },
    policies: wish.policies === undefined ? null : JSON.stringify(wish.policies),
    tags: JSON.stringify(wish.tags ?? {}),
    issuedAt: nowMs,
    expiresAt: nowMs + wish.durationSeconds * 1_000,
    instanceId: wish.instanceId ?? null,
  };
  await insertSession(tx, row);
  await updateNamed(tx, 'role', { id: role.id, lastUsedAt: nowMs });
  return row;
}

/** Of a user or of the account's root: what they may do, but for a time. */
export async function issueOwnSession(
  { random }: { random: RandomSource },
  { tx, nowMs }: Change,
  { accountId, userId, isRoot }: Principal,
  durationSeconds: number,
): Promise<SessionTable> {
  const row: SessionTable = {
    ...newSessionKey(random),
    accountId,
    ...{ holderKind: isRoot ? 'root' : 'user', holderId: userId, sessionName: '' },
    ...{ policies: null, tags: '{}', instanceId: null },
    issuedAt: nowMs,
    expiresAt: nowMs + durationSeconds * 1_000,
  };
  await insertSession(tx, row);
  return row;
}

export function renderCredentials({ id, secret, token, expiresAt }: SessionTable): Credentials {
  return {
    AccessKeyId: id,
    SecretAccessKey: secret,
    SessionToken: token,
    Expiration: new Date(expiresAt),
  };
}

/** "900 seconds (15 minutes)": the shortest of every operation. */
const MIN_SECONDS = 900;

export function checkDuration(seconds: number, maxSeconds: number): number {
  if (seconds >= MIN_SECONDS && seconds <= maxSeconds) return seconds;
  throw invalidValue('DurationSeconds', seconds, `It is ${MIN_SECONDS} to ${maxSeconds} here.`);
}
