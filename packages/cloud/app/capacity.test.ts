// Owns the tests of the search for room: what is read of the nodes changes no answer, and what changes is counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { updateInstance } from '../store/instances.ts';
import { forgetUse } from '../store/node-use.ts';
import { putNodes, replaceNodes } from '../store/nodes.ts';
import type { InstanceRow, NodeRow } from '../store/schema.ts';
import { openStore, type Queries, type Store } from '../store/store.ts';
import { findPlaces } from './capacity.ts';
import { type NodeRoom, type PlacementDemand, placeInstances } from './place-instances.ts';

const ACCOUNT = '111111111111';
const OTHER = '222222222222';
const SHARED = { allowSharedEmulation: false };

function node(index: number, values: Partial<NodeRow> = {}): NodeRow {
  return {
    id: `node-${String(index).padStart(3, '0')}`,
    hostname: `host-${index}`,
    health: 'ready',
    hypervisor: 'double',
    accelerator: 'simulated',
    network: 'simulated',
    vcpus: 4,
    memoryMib: 4_096,
    diskBytes: 100 * GIB,
    diskFreeBytes: 100 * GIB,
    keepsVpcs: 1,
    isDraining: 0,
    reachesVolumes: 1,
    opensGates: 0,
    ...values,
  };
}

function demand(id: string, values: Partial<PlacementDemand> = {}): PlacementDemand {
  const size = { vcpus: 1, memoryMib: 1_024, rootDiskBytes: GIB };
  return { id: `i-${id}`, accountId: ACCOUNT, ...size, ...values };
}

/** An instance that runs on a node. */
async function addGuest(tx: Queries, nodeId: NodeId, one: PlacementDemand): Promise<void> {
  const { id, accountId, vcpus, memoryMib, rootDiskBytes, group } = one;
  const texts = { architecture: 'x86_64', rootDeviceName: '/dev/sda1', instanceType: 't3.nano' };
  await tx
    .insertInto('reservation')
    .values({ id: `r-${id.slice(2)}`, accountId, createdAt: 0 })
    .execute();
  await tx
    .insertInto('instance')
    .values({
      ...texts,
      id,
      accountId,
      vcpus,
      memoryMib,
      rootDiskBytes,
      nodeId,
      reservationId: `r-${id.slice(2)}`,
      launchIndex: 0,
      imageId: 'ami-1',
      image: '{}',
      zone: 'us-east-1a',
      vpcId: 'vpc-1',
      subnetId: 'subnet-1',
      metadataOptions: '{}',
      disableApiTermination: 0,
      disableApiStop: 0,
      shutdownBehavior: 'stop',
      createdAt: 0,
      launchedAt: 0,
      generation: 1,
      desiredPower: 'running',
      desiredForceStop: 0,
      desiredRebootCount: 0,
      powerGeneration: 1,
      transitionReason: '',
      observedGeneration: 0,
      hasRun: 0,
      placementGroupId: group?.id ?? null,
      placementStrategy: group?.strategy ?? null,
    } as unknown as InstanceRow)
    .execute();
}

function find(store: Store, demands: readonly PlacementDemand[]) {
  return store.transaction((tx) => findPlaces(tx, SHARED, demands));
}

test('of a large zone the answer is that of all nodes, whatever part of them was read', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const upTo = (limit: number) => Math.floor(random.fraction() * limit);
    const pick = <Item>(...items: Item[]) => items[upTo(items.length)]!;
    const rows = Array.from({ length: 1 + upTo(60) }, (_, index) =>
      node(index, {
        health: pick('ready', 'ready', 'ready', 'lost'),
        isDraining: pick(0, 0, 0, 1),
        reachesVolumes: pick(0, 1),
        opensGates: pick(0, 1),
        accelerator: pick('kvm', 'tcg'),
        vcpus: upTo(4),
        memoryMib: 512 * upTo(12),
      }),
    );
    const wish = (id: string) => {
      const strategy = pick(undefined, 'spread', 'cluster');
      return demand(id, {
        accountId: pick(ACCOUNT, OTHER),
        vcpus: 1 + upTo(20),
        memoryMib: 256 * (1 + upTo(8)),
        needsVolumes: pick(true, false),
        needsNearVolumes: pick(true, false),
        group: strategy && { id: `pg-${strategy}-${upTo(2)}` as `pg-${string}`, strategy },
      });
    };
    await using store = await openStore(':memory:');
    const rooms = new Map<NodeId, NodeRoom>(rows.map((row) => [row.id, roomOf(row)]));
    await store.transaction(async (tx) => {
      await replaceNodes(tx, rows);
      for (let guest = 0; guest < upTo(40); guest++) {
        const one = wish(`guest${guest}`);
        const { id } = pick(...rows);
        await addGuest(tx, id, one);
        take(rooms.get(id)!, one);
      }
    });
    const demands = Array.from({ length: upTo(12) }, (_, index) => wish(String(index)));
    const expected = placeInstances(demands, [...rooms.values()]);
    assert.deepEqual(await find(store, demands), expected, `seed ${seed}`);
  }
});

function roomOf(row: NodeRow): NodeRoom {
  return {
    nodeId: row.id,
    hostname: row.hostname,
    health: row.health,
    isDraining: row.isDraining === 1,
    reachesVolumes: row.reachesVolumes === 1,
    opensGates: row.opensGates === 1,
    freeVcpus: row.vcpus * 16,
    freeMemoryMib: row.memoryMib,
    freeDiskBytes: row.diskFreeBytes,
    takesAnyAccount: row.accelerator === 'kvm',
    accounts: new Set(),
    groups: new Map(),
  };
}

function take(room: NodeRoom, one: PlacementDemand): void {
  room.freeVcpus -= one.vcpus;
  room.freeMemoryMib -= one.memoryMib;
  room.freeDiskBytes -= one.rootDiskBytes;
  room.accounts = new Set([...room.accounts, one.accountId]);
  const { group } = one;
  if (group === undefined) return;
  room.groups = new Map([...room.groups, [group.id, (room.groups.get(group.id) ?? 0) + 1]]);
}

test('what is taken is counted anew when instances or nodes change, and not when a change is taken back', async () => {
  await using store = await openStore(':memory:');
  const guest: InstanceId = 'i-guest';
  await store.transaction(async (tx) => {
    await replaceNodes(tx, [node(0, { memoryMib: 1_024 })]);
    await addGuest(tx, 'node-000', demand('guest'));
  });
  const isPlaced = async () => (await find(store, [demand('1')])).placed.length === 1;
  assert.equal(await isPlaced(), false, 'it is full');
  const stop = (tx: Queries) =>
    updateInstance(tx, guest, {
      desiredPower: 'stopped',
      observedPower: 'stopped',
      observedGeneration: 1,
    });
  const undone = store.transaction(async (tx) => {
    await stop(tx);
    assert.equal((await findPlaces(tx, SHARED, [demand('1')])).placed.length, 1, 'within');
    throw new Error('taken back');
  });
  await assert.rejects(undone, /taken back/);
  assert.equal(await isPlaced(), false, 'nothing was stopped');
  await store.transaction(stop);
  assert.equal(await isPlaced(), true, 'its memory is free');
  await store.transaction((tx) => putNodes(tx, [node(0, { memoryMib: 512 })]));
  assert.equal(await isPlaced(), false, 'the node is smaller');
  await store.transaction((tx) => putNodes(tx, [node(0, { memoryMib: 4_096 })]));
  assert.equal(await isPlaced(), true, 'the node has grown');
  await store.transaction((tx) => replaceNodes(tx, [node(1)]));
  assert.deepEqual((await find(store, [demand('1')])).placed, [{ id: 'i-1', nodeId: 'node-001' }]);
  await store.query.updateTable('nodeUse').set({ freeMemoryMib: 0, memoryMib: 9_999 }).execute();
  await store.transaction(forgetUse);
  assert.equal(await isPlaced(), true, 'a start counts again');
});
