// Owns that roles trust users and roles by their unique ids. Names of who is not there stay, and are trusted no more.

import type { Migration } from '@ironbark/platform/database/database.ts';
import { renamePrincipals } from '@ironbark/protocol/policy/rename-principals.ts';
import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
type AnyKysely = Kysely<any>;

const SESSION = /^arn:aws:sts::(\d{12}):assumed-role\/([^/]+)\/(.+)$/;

export const trustedIds: Migration = {
  up: async (db: AnyKysely) => {
    const users = await db.selectFrom('user').select(['id', 'arn']).execute();
    const roles = await db.selectFrom('role').selectAll().execute();
    const ids = new Map<string, string>(users.map(({ id, arn }) => [arn, id]));
    const byName = new Map<string, string>();
    for (const { id, account_id, path, name } of roles) {
      ids.set(`arn:aws:iam::${account_id}:role${path}${name}`, id);
      byName.set(`${account_id}/${name}`, id);
    }
    const idOf = (name: string): string => {
      const [, account = '', role = '', session = ''] = SESSION.exec(name) ?? [];
      const taken = byName.get(`${account}/${role}`);
      return ids.get(name) ?? (taken === undefined ? name : `${taken}:${session}`);
    };
    for (const { id, trust_policy: text } of roles) {
      const trust_policy = await renamePrincipals(text, async (name) => idOf(name));
      await db.updateTable('role').set({ trust_policy }).where('id', '=', id).execute();
    }
  },
};
