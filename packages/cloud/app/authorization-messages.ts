// Owns why a call was refused, sealed: whoever may decode it reads what was asked and what decided.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { AccessDecision } from '@ironbark/protocol/internal/authorization.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { ConditionContext } from '@ironbark/protocol/policy/conditions.ts';
import { addSigningSecret, findSigningSecret } from '../store/signing-secrets.ts';
import type { Store } from '../store/store.ts';
import { refuse } from './refusals.ts';

const SECRET_NAME = 'authorization-messages';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** "Maximum length of 10240": API reference of DecodeAuthorizationMessage. */
const MAX_CHARACTERS = 10_240;

interface Refusal {
  principal: Principal;
  permission: string;
  resource: { arn: string };
  conditions: ConditionContext;
  decision: AccessDecision;
}

interface Parts {
  store: Store;
  random: RandomSource;
}

export async function encodeRefusal(parts: Parts, refusal: Refusal): Promise<string> {
  const key = await getKey(parts);
  const nonce = parts.random.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const text = describe(refusal);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** The account whose principal was refused, and the text. */
export async function decodeRefusal(
  parts: Parts,
  message: string,
): Promise<{ accountId: string; text: string }> {
  const bytes = Buffer.from(message.slice(0, MAX_CHARACTERS), 'base64url');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  try {
    const decipher = createDecipheriv('aes-256-gcm', await getKey(parts), nonce);
    decipher.setAuthTag(tag);
    const sealed = bytes.subarray(NONCE_BYTES + TAG_BYTES);
    const text = Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
    const { context } = JSON.parse(text) as { context: { principal: { accountId: string } } };
    return { accountId: context.principal.accountId, text };
  } catch (cause) {
    const error = refuse('malformed-input', 'authorization-message', 'Message is not valid');
    error.cause = cause;
    throw error;
  }
}

function describe({ principal, permission, resource, conditions, decision }: Refusal): string {
  return JSON.stringify({
    allowed: false,
    explicitDeny: decision === 'explicitly-denied',
    matchedStatements: { items: [] },
    failures: { items: [] },
    context: {
      principal: { id: principal.userId, arn: principal.arn, accountId: principal.accountId },
      action: permission,
      resource: resource.arn,
      conditions: {
        items: [...conditions].map(([key, values]) => ({
          key,
          values: { items: values.map((value) => ({ value })) },
        })),
      },
    },
  });
}

/** Once, when the cloud starts. */
export async function ensureMessageKey(parts: Parts): Promise<void> {
  if ((await findSigningSecret(parts.store.query, SECRET_NAME)) !== undefined) return;
  const made = parts.random.bytes(KEY_BYTES).toString('base64');
  await parts.store.transaction((tx) => addSigningSecret(tx, SECRET_NAME, made));
}

async function getKey({ store }: Parts): Promise<Buffer> {
  return Buffer.from((await findSigningSecret(store.query, SECRET_NAME))!, 'base64');
}
