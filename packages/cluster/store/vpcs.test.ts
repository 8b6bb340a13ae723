// Owns the tests of how the documents of VPCs are read, for many nodes at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '@ironbark/core/ids.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import type { PortIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { CLUSTER_MIGRATIONS, type ClusterSchema } from './schema.ts';
import { putVpc, VpcReader } from './vpcs.ts';

const NODES: readonly NodeId[] = ['node-a', 'node-b', 'node-c'];

test('nodes that ask for a VPC at once share one reading of it', async () => {
  const options = { path: ':memory:', migrations: CLUSTER_MIGRATIONS };
  await using database = await openSqlite<ClusterSchema>(options);
  const reader = new VpcReader();
  for (const generation of [1, 2]) {
    await putVpc(database.query, { generation, intent: vpc() });
    const lists = await Promise.all(NODES.map((id) => reader.listOn(database.query, id, 0)));
    const [first] = lists[0]!;
    assert.equal(first!.generation, generation);
    for (const list of lists) assert.equal(list[0], first);
  }
  assert.deepEqual(await reader.listOn(database.query, 'node-d', 0), []);
});

function vpc(): VpcIntent {
  const ports = NODES.map(
    (nodeId, at): PortIntent => ({
      interfaceId: `eni-0000000000000000${at}`,
      subnetId: 'subnet-00000000000000001',
      nodeId,
      macAddress: `02:00:00:00:00:0${at}`,
      privateIps: [`10.0.0.${at + 4}`],
      publicIps: [],
      groupIds: [],
      checksSource: true,
    }),
  );
  const dhcp = { domainName: 'ec2.internal', domainNameServers: [], ntpServers: [] };
  const frame = { cidrs: ['10.0.0.0/16'], hasDns: true, dhcp, subnets: [], groups: [] };
  return { id: 'vpc-00000000000000001', networkNumber: 1, ...frame, ports };
}
