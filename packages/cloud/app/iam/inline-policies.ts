// Owns the rules of policies that are part of one user, group or role.

import {
  countCharacters,
  POLICY_LIMITS,
  parseIdentityPolicy,
} from '@ironbark/protocol/policy/identity-document.ts';
import { deleteInline, listInline, putInline } from '../../store/policies.ts';
import type { Queries } from '../../store/store.ts';
import { noSuch, shown, tooMany } from './entities.ts';
import type { Holder } from './managed-policies.ts';
import { checkInlineName } from './names.ts';

export async function putInlinePolicy(
  tx: Queries,
  { id: holderId, kind, accountId }: Holder,
  { name, document }: { name: string; document: string },
): Promise<void> {
  checkInlineName(name);
  parseIdentityPolicy(document);
  const others = (await listInline(tx, [holderId])).filter((one) => one.name !== name);
  const texts = [document, ...others.map((one) => one.document)];
  const characters = texts.reduce((sum, text) => sum + countCharacters(text), 0);
  if (characters > POLICY_LIMITS[kind]) throw tooMany('inline policy size', POLICY_LIMITS[kind]);
  await putInline(tx, { holderId, accountId, name, document });
}

export async function getInlinePolicy(
  db: Queries,
  { id, kind, name: holderName }: Holder,
  name: string,
): Promise<{ name: string; document: string }> {
  const found = (await listInline(db, [id])).find((one) => one.name === name);
  if (found !== undefined) return found;
  throw noPolicy(kind, holderName, name);
}

export async function removeInlinePolicy(
  tx: Queries,
  { id, kind, name: holderName }: Holder,
  name: string,
): Promise<void> {
  if (!(await deleteInline(tx, id, name))) throw noPolicy(kind, holderName, name);
}

function noPolicy(kind: string, holder: string, name: string): Error {
  return noSuch(`The ${kind} policy with name ${shown(name)} of ${holder} cannot be found.`);
}
