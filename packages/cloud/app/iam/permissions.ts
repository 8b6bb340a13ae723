// Owns what a user or a role is allowed: its policies, those of its groups, and what bounds them, read and parsed.

import type { Permissions } from '@ironbark/protocol/internal/identity-client.ts';
import type { PolicyDocument } from '@ironbark/protocol/policy/document.ts';
import { parseIdentityPolicy } from '@ironbark/protocol/policy/identity-document.ts';
import { listGroupsOf } from '../../store/group-members.ts';
import type { HolderKind } from '../../store/iam-schema.ts';
import { listAttachments, listInline } from '../../store/policies.ts';
import type { Queries } from '../../store/store.ts';
import { findDocument } from './managed-policies.ts';

export interface PermissionHolder {
  id: string;
  kind: Exclude<HolderKind, 'group'>;
  boundaryArn: string | null;
}

/** As they are now. */
export async function loadPermissions(db: Queries, holder: PermissionHolder): Promise<Permissions> {
  const texts = (await listPolicyTexts(db, holder)).map(({ document }) => document);
  const identity = texts.map(parseKept);
  if (holder.boundaryArn === null) return { identity };
  const boundary = await findDocument(db, holder.boundaryArn);
  // A boundary that is gone bounds everything.
  return { identity, boundary: boundary === undefined ? NOTHING : parseKept(boundary) };
}

const NOTHING: PolicyDocument = { statements: [], hasVariables: true };

export interface PolicyText {
  /** The policy's ARN, or the name of one that is part of its holder. */
  name: string;
  isManaged: boolean;
  document: string;
}

export async function listPolicyTexts(
  db: Queries,
  { id, kind }: Pick<PermissionHolder, 'id' | 'kind'>,
): Promise<PolicyText[]> {
  const groups = kind === 'user' ? await listGroupsOf(db, id) : [];
  const holders = [id, ...groups.map((group) => group.id)];
  const inline = await listInline(db, holders);
  const attached = new Set((await listAttachments(db, holders)).map((one) => one.policyArn));
  const found: PolicyText[] = inline.map(({ name, document }) => ({
    name,
    isManaged: false,
    document,
  }));
  for (const name of attached) {
    const document = await findDocument(db, name);
    if (document !== undefined) found.push({ name, isManaged: true, document });
  }
  return found;
}

/** The same policies are asked for at every request; a text means the same for ever. */
const MAX_KEPT = 1_000;
const kept = new Map<string, PolicyDocument>();

export function parseKept(text: string): PolicyDocument {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const document = parseIdentityPolicy(text);
  if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!);
  kept.set(text, document);
  return document;
}
