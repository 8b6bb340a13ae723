// Owns network ACLs and DHCP option sets. VPCs that exist get the default ACL that was shown of them.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
type AnyKysely = Kysely<any>;

export const aclsAndDhcp: Migration = {
  up: async (db) => {
    await createAcls(db);
    await db.schema
      .createTable('dhcp_options')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('configurations', 'text', (c) => c.notNull())
      .execute();
    await db.schema.alterTable('vpc').addColumn('dhcp_options_id', 'text').execute();
    await db.schema.alterTable('subnet').addColumn('acl_id', 'text').execute();
    await db.schema.alterTable('subnet').addColumn('acl_association_id', 'text').execute();
    for (const vpc of await db.selectFrom('vpc').selectAll().execute()) await fillVpc(db, vpc);
  },
};

async function createAcls(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('network_acl')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('vpc_id', 'text', (c) => c.notNull())
    .addColumn('is_default', 'integer', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('network_acl_by_vpc_id').on('network_acl').column('vpc_id').execute();
  await db.schema
    .createTable('network_acl_entry')
    .addColumn('acl_id', 'text', (c) => c.notNull())
    .addColumn('is_egress', 'integer', (c) => c.notNull())
    .addColumn('rule_number', 'integer', (c) => c.notNull())
    .addColumn('is_allowed', 'integer', (c) => c.notNull())
    .addColumn('protocol', 'integer', (c) => c.notNull())
    .addColumn('cidr', 'text', (c) => c.notNull())
    .addColumn('from_port', 'integer')
    .addColumn('to_port', 'integer')
    .addPrimaryKeyConstraint('network_acl_entry_pk', ['acl_id', 'is_egress', 'rule_number'])
    .execute();
}

/** The ids follow from the VPC's own, as they were shown before. */
async function fillVpc(
  db: AnyKysely,
  // biome-ignore lint/suspicious/noExplicitAny: as above
  { id, account_id }: any,
): Promise<void> {
  const acl_id = `acl-${id.slice('vpc-'.length)}`;
  const acl = { id: acl_id, account_id, vpc_id: id, is_default: 1 };
  await db.insertInto('network_acl').values(acl).execute();
  const entry = { acl_id, rule_number: 100, is_allowed: 1, protocol: -1, cidr: '0.0.0.0/0' };
  for (const is_egress of [0, 1]) {
    await db
      .insertInto('network_acl_entry')
      .values({ ...entry, is_egress })
      .execute();
  }
}
