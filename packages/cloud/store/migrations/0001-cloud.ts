// Owns the first shape of the Cloud Controller's tables.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { CreateTableBuilder, Kysely } from 'kysely';

/** `!` after the type: not null. The first column of each list is the primary key unless `key` names others. */
const TABLES: Record<string, { columns: string; key?: string[]; unique?: string[][] }> = {
  account: { columns: 'id text!, created_at bigint!' },
  access_key: {
    columns:
      'id text!, account_id text!, secret text!, arn text!, user_id text!, is_root integer!, status text!, created_at bigint!',
  },
  image: {
    columns:
      'id text!, account_id text!, name text!, description text!, architecture text!, location text!, contents text!, root_device_name text!, root_disk_bytes bigint!, min_memory_mib integer!, login_user text!, created_at bigint!',
    unique: [['account_id', 'name']],
  },
  key_pair: {
    columns:
      'id text!, account_id text!, name text!, type text!, fingerprint text!, public_key text!, created_at bigint!',
    unique: [['account_id', 'name']],
  },
  reservation: { columns: 'id text!, account_id text!, created_at bigint!' },
  instance: {
    columns:
      'id text!, account_id text!, reservation_id text!, launch_index integer!, image_id text!, image text!, architecture text!, root_device_name text!, root_disk_bytes bigint!, instance_type text!, vcpus integer!, memory_mib integer!, key_name text, public_key text, user_data text, zone text!, vpc_id text!, subnet_id text!, metadata_options text!, disable_api_termination integer!, disable_api_stop integer!, shutdown_behavior text!, client_token text, created_at bigint!, launched_at bigint!, generation integer!, desired_power text!, desired_force_stop integer!, desired_reboot_count integer!, power_generation integer!, node_id text, state_reason_code text, state_reason_message text, transition_reason text!, observed_generation integer!, observed_power text, has_run integer!, observed text, terminated_at bigint, forgotten_at bigint',
  },
  network_interface: {
    columns:
      'id text!, account_id text!, instance_id text!, vpc_id text!, subnet_id text!, zone text!, device_index integer!, private_ip text!, mac_address text!, attachment_id text!, description text!, created_at bigint!',
    unique: [['subnet_id', 'private_ip'], ['mac_address']],
  },
  interface_group: {
    columns: 'interface_id text!, group_id text!',
    key: ['interface_id', 'group_id'],
  },
  volume: {
    columns:
      'id text!, account_id text!, zone text!, size_gib integer!, volume_type text!, snapshot_id text, created_at bigint!, generation integer!, desired text!, desired_export_to text, observed_generation integer!, observed_state text, observed_progress integer!, observed_reason text, observed_export text',
  },
  attachment: {
    columns:
      'volume_id text!, account_id text!, instance_id text!, device_name text!, delete_on_termination integer!, desired text!, force integer!, offered_export text, withdrawn_generation integer, observed text!, created_at bigint!',
    unique: [['instance_id', 'device_name']],
  },
  snapshot: {
    columns:
      'id text!, account_id text!, volume_id text!, volume_size_gib integer!, description text!, created_at bigint!, generation integer!, desired text!, observed_generation integer!, observed_state text, observed_progress integer!, observed_reason text, stored_bytes bigint!, completed_at bigint',
  },
  vpc: { columns: 'id text!, account_id text!, cidr text!, is_default integer!' },
  subnet: {
    columns:
      'id text!, account_id text!, vpc_id text!, zone text!, cidr text!, is_default integer!, next_address integer!',
  },
  security_group: {
    columns: 'id text!, account_id text!, vpc_id text!, name text!, description text!',
    unique: [['vpc_id', 'name']],
  },
  security_group_rule: {
    columns:
      'id text!, account_id text!, group_id text!, is_egress integer!, protocol text!, from_port integer, to_port integer, cidr_ipv4 text, source_group_id text, description text',
  },
  tag: {
    columns: 'resource_id text!, account_id text!, resource_type text!, key text!, value text!',
    key: ['resource_id', 'key'],
  },
  client_token: {
    columns:
      'account_id text!, action text!, token text!, parameters_hash text!, resource_ids text!, created_at bigint!',
    key: ['account_id', 'action', 'token'],
  },
  node: {
    columns:
      'id text!, hostname text!, health text!, hypervisor text!, accelerator text!, network text!, vcpus integer!, memory_mib integer!, disk_bytes bigint!, disk_free_bytes bigint!',
  },
};

const INDEXES: readonly [string, string][] = [
  ['instance', 'reservation_id'],
  ['instance', 'node_id'],
  ['network_interface', 'instance_id'],
  ['attachment', 'instance_id'],
  ['snapshot', 'volume_id'],
  ['tag', 'account_id'],
];

export const cloudTables: Migration = {
  up: async (db) => {
    for (const [name, table] of Object.entries(TABLES)) await createTable(db, name, table);
    for (const [table, column] of INDEXES) {
      await db.schema.createIndex(`${table}_${column}`).on(table).column(column).execute();
    }
  },
};

async function createTable(
  db: Kysely<unknown>,
  name: string,
  table: (typeof TABLES)[string],
): Promise<void> {
  const columns = table.columns.split(', ').map((text) => text.split(' ') as [string, string]);
  let builder: CreateTableBuilder<string, string> = db.schema.createTable(name);
  for (const [column, type] of columns) {
    const dataType = type.replace('!', '') as 'text' | 'integer' | 'bigint';
    builder = builder.addColumn(column, dataType, (c) => (type.endsWith('!') ? c.notNull() : c));
  }
  builder = builder.addPrimaryKeyConstraint(`${name}_pk`, table.key ?? [columns[0]![0]]);
  for (const unique of table.unique ?? []) {
    builder = builder.addUniqueConstraint(`${name}_${unique.join('_')}`, unique);
  }
  await builder.execute();
}
