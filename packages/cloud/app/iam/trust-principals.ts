// Owns whom a trust policy means: its users and roles are kept by their unique ids, and shown by the names that they have
// now. One that is deleted and made anew is another one; the id of who is gone is shown as it is.
// Source: IAM User Guide, "AWS JSON policy elements: Principal", on deleted users and roles.

import { malformed, type PolicyDocument } from '@ironbark/protocol/policy/document.ts';
import { renamePrincipals } from '@ironbark/protocol/policy/rename-principals.ts';
import { findById, findNamed } from '../../store/iam-names.ts';
import type { RoleTable } from '../../store/iam-schema.ts';
import type { Queries } from '../../store/store.ts';
import { entityArn } from './names.ts';

const NAMED = /^arn:aws:(?:iam|sts)::(\d{12}):(user|role|assumed-role)\/(.+)$/;
const UNIQUE_ID = /^(AIDA|AROA)([^:]*)(?::(.+))?$/;

/** Refuses users and roles that are not there. */
export function bindTrust(db: Queries, text: string): Promise<string> {
  return renamePrincipals(text, async (name) => {
    if (!NAMED.test(name) && !UNIQUE_ID.test(name)) return name;
    const id = UNIQUE_ID.test(name) ? await findKept(db, name) : await findPrincipalId(db, name);
    if (id !== undefined) return id;
    throw malformed(`Invalid principal in policy: "AWS":"${name.slice(0, 128)}"`);
  });
}

export async function showTrust(db: Queries, role: RoleTable): Promise<RoleTable> {
  const trustPolicy = await renamePrincipals(role.trustPolicy, async (name) =>
    UNIQUE_ID.test(name) ? ((await findArn(db, name)) ?? name) : name,
  );
  return { ...role, trustPolicy };
}

export async function showAll(db: Queries, roles: readonly RoleTable[]): Promise<RoleTable[]> {
  const shown: RoleTable[] = [];
  for (const role of roles) shown.push(await showTrust(db, role));
  return shown;
}

/** The same without users and roles by name: who was gone when ids came to be kept is trusted no more. */
export function byIdAlone(trust: PolicyDocument): PolicyDocument {
  const statements = trust.statements.map((one) => {
    if (one.principals.kind === 'everybody') return one;
    const names = one.principals.names.filter((name) => !NAMED.test(name));
    return { ...one, principals: { ...one.principals, names } };
  });
  return { ...trust, statements };
}

async function findKept(db: Queries, id: string): Promise<string | undefined> {
  return (await findArn(db, id)) === undefined ? undefined : id;
}

async function findPrincipalId(db: Queries, arn: string): Promise<string | undefined> {
  const [, accountId = '', kind = '', rest = ''] = NAMED.exec(arn)!;
  if (kind === 'assumed-role') {
    const [name = '', session] = rest.split('/', 2);
    const role = await findNamed(db, 'role', { accountId, name });
    return role && session ? `${role.id}:${session}` : undefined;
  }
  const name = rest.slice(rest.lastIndexOf('/') + 1);
  const found =
    kind === 'user'
      ? await findNamed(db, 'user', { accountId, name })
      : await findNamed(db, 'role', { accountId, name });
  const word = kind as 'user' | 'role';
  return found !== undefined && entityArn(word, found) === arn ? found.id : undefined;
}

async function findArn(db: Queries, id: string): Promise<string | undefined> {
  const [, prefix = '', rest = '', session] = UNIQUE_ID.exec(id)!;
  const word = prefix === 'AIDA' ? 'user' : 'role';
  const found = await findById(db, word, `${prefix}${rest}`);
  if (found === undefined) return undefined;
  if (session === undefined) return entityArn(word, found);
  return `arn:aws:sts::${found.accountId}:assumed-role/${found.name}/${session}`;
}
