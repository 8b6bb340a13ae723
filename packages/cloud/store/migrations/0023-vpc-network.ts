// Owns routes, gateways, public addresses, and what VPCs, subnets and interfaces can be set to. VPCs that exist get
// what AWS's default VPC has: a main route table whose default route is an internet gateway.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
type AnyKysely = Kysely<any>;

/** `!` after the type: not null. The first column is the primary key. */
const TABLES: Readonly<Record<string, string>> = {
  vpc_cidr: 'id text!, account_id text!, vpc_id text!, cidr text!',
  internet_gateway: 'id text!, account_id text!, vpc_id text',
  route_table: 'id text!, account_id text!, vpc_id text!',
  route_table_association:
    'id text!, account_id text!, vpc_id text!, route_table_id text!, subnet_id text',
  address:
    'id text!, account_id text!, public_ip text!, association_id text, interface_id text, private_ip text, is_automatic integer!, created_at bigint!',
  nat_gateway:
    'id text!, account_id text!, vpc_id text!, subnet_id text!, interface_id text!, allocation_id text!, public_ip text!, private_ip text!, created_at bigint!, deleted_at bigint',
};

const INDEXES: readonly [table: string, column: string, unique: boolean][] = [
  ['vpc_cidr', 'vpc_id', false],
  ['internet_gateway', 'account_id', false],
  ['route_table', 'vpc_id', false],
  ['route_table_association', 'vpc_id', false],
  ['address', 'public_ip', true],
  ['address', 'interface_id', false],
  ['nat_gateway', 'account_id', false],
  ['security_group_rule', 'group_id', false],
];

const FLAGS: readonly [table: string, column: string, value: 0 | 1][] = [
  ['vpc', 'enable_dns_support', 1],
  ['vpc', 'enable_dns_hostnames', 0],
  ['vpc', 'masquerades', 0],
  ['subnet', 'map_public_ip', 0],
  ['network_interface', 'source_dest_check', 1],
  ['network_interface', 'delete_on_termination', 1],
  ['network_interface', 'is_managed', 0],
];

export const vpcNetwork: Migration = {
  up: async (db) => {
    for (const [name, columns] of Object.entries(TABLES)) await createTable(db, name, columns);
    await createPairs(db);
    for (const [table, column, unique] of INDEXES) {
      const index = db.schema.createIndex(`${table}_by_${column}`).on(table).column(column);
      await (unique ? index.unique() : index).execute();
    }
    for (const [table, column, value] of FLAGS) {
      await db.schema
        .alterTable(table)
        .addColumn(column, 'integer', (c) => c.notNull().defaultTo(value))
        .execute();
    }
    for (const vpc of await db.selectFrom('vpc').selectAll().execute()) await fillVpc(db, vpc);
  },
};

async function createTable(db: AnyKysely, name: string, text: string): Promise<void> {
  const columns = text.split(', ').map((column) => column.split(' ') as [string, string]);
  let builder = db.schema.createTable(name);
  for (const [at, [column, type]] of columns.entries()) {
    const dataType = type.replace('!', '') as 'text' | 'integer' | 'bigint';
    builder = builder.addColumn(column, dataType, (c) => {
      const whole = type.endsWith('!') ? c.notNull() : c;
      return at === 0 ? whole.primaryKey() : whole;
    });
  }
  await builder.execute();
}

async function createPairs(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('route')
    .addColumn('route_table_id', 'text', (c) => c.notNull())
    .addColumn('destination', 'text', (c) => c.notNull())
    .addColumn('target_id', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('route_pk', ['route_table_id', 'destination'])
    .execute();
  await db.schema
    .createTable('interface_address')
    .addColumn('interface_id', 'text', (c) => c.notNull())
    .addColumn('subnet_id', 'text', (c) => c.notNull())
    .addColumn('private_ip', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('interface_address_pk', ['subnet_id', 'private_ip'])
    .execute();
  await db.schema
    .createIndex('interface_address_by_interface_id')
    .on('interface_address')
    .column('interface_id')
    .execute();
}

/** The ids follow from the VPC's own, so that the same state always becomes the same state. */
async function fillVpc(
  db: AnyKysely,
  // biome-ignore lint/suspicious/noExplicitAny: as above
  { id, account_id, cidr }: any,
): Promise<void> {
  const digits = id.slice('vpc-'.length);
  const owned = { account_id, vpc_id: id };
  const table = `rtb-${digits}`;
  await insert(db, 'vpc_cidr', { id: `vpc-cidr-assoc-${digits}`, ...owned, cidr });
  await insert(db, 'internet_gateway', { id: `igw-${digits}`, ...owned });
  await insert(db, 'route_table', { id: table, ...owned });
  const association = { id: `rtbassoc-${digits}`, ...owned, route_table_id: table };
  await insert(db, 'route_table_association', association);
  const route = { route_table_id: table, destination: '0.0.0.0/0', target_id: `igw-${digits}` };
  await insert(db, 'route', route);
  await db.updateTable('vpc').set({ masquerades: 1 }).where('id', '=', id).execute();
}

async function insert(db: AnyKysely, table: string, values: object): Promise<void> {
  await db.insertInto(table).values(values).execute();
}
