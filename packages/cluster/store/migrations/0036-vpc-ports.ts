// Owns the ports of VPCs, a row each: nothing but what changes is written again.

import type { Migration } from '@ironbark/platform/database/database.ts';

interface Port {
  interfaceId: string;
  nodeId?: string;
}

export const vpcPorts: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('vpc_port')
      .addColumn('vpc_id', 'text', (c) => c.notNull())
      .addColumn('interface_id', 'text', (c) => c.notNull())
      .addColumn('node_id', 'text')
      .addColumn('generation', 'bigint', (c) => c.notNull())
      .addColumn('port', 'text')
      .addPrimaryKeyConstraint('vpc_port_key', ['vpc_id', 'interface_id'])
      .execute();
    for (const column of ['generation', 'node_id']) {
      await db.schema
        .createIndex(`vpc_port_by_${column}`)
        .on('vpc_port')
        .columns(['vpc_id', column])
        .execute();
    }
    for (const row of await db.selectFrom('vpc').selectAll().execute()) {
      const { ports, ...frame } = JSON.parse(row.intent) as { ports: Port[] };
      for (const port of ports) {
        const place = { vpc_id: row.id, interface_id: port.interfaceId };
        const values = { ...place, node_id: port.nodeId ?? null, generation: row.generation };
        await db
          .insertInto('vpc_port')
          .values({ ...values, port: JSON.stringify(port) })
          .execute();
      }
      await db
        .updateTable('vpc')
        .set({ intent: JSON.stringify(frame) })
        .where('id', '=', row.id)
        .execute();
    }
  },
};
