// Owns names, paths and ARNs of IAM's entities. Source: IAM User Guide, "IAM and AWS STS quotas", "IAM identifiers".

import type { AccountId } from '@ironbark/core/ids.ts';
import { invalidValue } from '../refusals.ts';

/** As the word stands in ARNs. */
export type EntityWord = 'user' | 'group' | 'role' | 'policy' | 'instance-profile';

const MAX_CHARACTERS: Readonly<Record<EntityWord, number>> = {
  user: 64,
  group: 128,
  role: 64,
  policy: 128,
  'instance-profile': 128,
};

export interface Named {
  accountId: AccountId;
  path: string;
  name: string;
}

export function entityArn(word: EntityWord, { accountId, path, name }: Named): string {
  return `arn:aws:iam::${accountId}:${word}${path}${name}`;
}

export function checkName(word: EntityWord, name: string, parameter: string): string {
  const max = MAX_CHARACTERS[word];
  if (/^[\w+=,.@-]+$/.test(name) && name.length <= max) return name;
  const message = `It has 1 to ${max} letters, digits and + = , . @ _ -`;
  throw invalidValue(parameter, name.slice(0, max + 10), message);
}

export function checkPath(path: string | undefined): string {
  if (path === undefined || path === '/') return '/';
  if (/^\/(?:[\x21-\x2e\x30-\x7e]+\/)+$/.test(path) && path.length <= 512) return path;
  throw invalidValue(
    'Path',
    path.slice(0, 64),
    'It begins and ends with / and has up to 512 characters.',
  );
}

/** `/` stands for all. */
export function isBelow(prefix: string | undefined): (entity: { path: string }) => boolean {
  return ({ path }) => path.startsWith(prefix ?? '/');
}

/** The name of a policy inside one holder. */
export function checkInlineName(name: string): string {
  return checkName('policy', name, 'PolicyName');
}

/** API reference of CreateRole and CreatePolicy. */
const MAX_DESCRIPTION = 1_000;

/** Of a role or a policy. */
export function checkDescription(text: string | undefined): string | null {
  if (text === undefined || text.length <= MAX_DESCRIPTION) return text ?? null;
  const message = `It has up to ${MAX_DESCRIPTION} characters.`;
  throw invalidValue('Description', `${text.slice(0, 64)}...`, message);
}
