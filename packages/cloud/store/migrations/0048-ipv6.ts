// Owns IPv6 blocks of VPCs and subnets, addresses of interfaces, rules of groups for them, and egress-only gateways.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const ipv6: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('vpc_ipv6_cidr')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('vpc_id', 'text', (c) => c.notNull())
      .addColumn('cidr', 'text', (c) => c.notNull().unique())
      .execute();
    await db.schema
      .createTable('subnet_ipv6_cidr')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('vpc_id', 'text', (c) => c.notNull())
      .addColumn('subnet_id', 'text', (c) => c.notNull().unique())
      .addColumn('cidr', 'text', (c) => c.notNull().unique())
      .execute();
    await db.schema
      .createTable('interface_ipv6_address')
      .addColumn('address', 'text', (c) => c.primaryKey())
      .addColumn('interface_id', 'text', (c) => c.notNull())
      .addColumn('subnet_id', 'text', (c) => c.notNull())
      .addColumn('place', 'integer', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('egress_only_gateway')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('vpc_id', 'text', (c) => c.notNull())
      .execute();
    const indexes = [
      ['vpc_ipv6_cidr', 'vpc_id'],
      ['subnet_ipv6_cidr', 'vpc_id'],
      ['interface_ipv6_address', 'interface_id'],
      ['interface_ipv6_address', 'subnet_id'],
      ['egress_only_gateway', 'vpc_id'],
    ] as const;
    for (const [table, column] of indexes) {
      const name = `${table}_by_${column}`;
      await db.schema.createIndex(name).on(table).column(column).execute();
    }
    await db.schema.alterTable('security_group_rule').addColumn('cidr_ipv6', 'text').execute();
    await db.schema
      .alterTable('subnet')
      .addColumn('assign_ipv6', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
