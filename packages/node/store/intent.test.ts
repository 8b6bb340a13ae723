import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InstanceIntent, NodeIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { PortIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
import { vpcIntent } from '../testing/vpc-intent.ts';
import { IntentStore, mergeInstances } from './intent.ts';

async function createLab() {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-intent-'));
  return { dataDir, [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true }) };
}

const intentOf = (generation: number, instances: InstanceIntent[]): NodeIntent => ({
  nodeId: 'node-1',
  generation,
  subnets: [],
  vpcs: [],
  instances,
});

test('an intent is kept on disk, and an older one is ignored', async () => {
  await using lab = await createLab();
  const store = await IntentStore.open(lab.dataDir, 'node-1');
  assert.equal(await store.put(intentOf(5, [instanceIntent()]), () => false), true);
  assert.equal(await store.put(intentOf(4, []), () => false), false);
  assert.equal(await store.put(intentOf(5, []), () => false), false);
  const next = await IntentStore.open(lab.dataDir, 'node-1');
  assert.equal(next.generation, 5);
  assert.deepEqual(next.instances(), [instanceIntent()]);
});

test('what was kept holds once the controller says it again, and not for an older word of its', async () => {
  await using lab = await createLab();
  const store = await IntentStore.open(lab.dataDir, 'node-1');
  await store.put(intentOf(5, []), () => false);
  const next = await IntentStore.open(lab.dataDir, 'node-1');
  await next.put(intentOf(4, []), () => false);
  assert.equal(next.isKept, true);
  await next.put(intentOf(5, []), () => false);
  assert.equal(next.isKept, false);
});

test('half an intent of a process that died is removed', async () => {
  await using lab = await createLab();
  const store = await IntentStore.open(lab.dataDir, 'node-1');
  await store.put(intentOf(5, []), () => false);
  await writeFile(join(lab.dataDir, 'intent.json.new'), '{"generation": 6');
  assert.equal((await IntentStore.open(lab.dataDir, 'node-1')).generation, 5);
  assert.deepEqual(await readdir(lab.dataDir), ['intent.json']);
});

function vpcOf(ports: PortIntent[]): VpcIntent {
  return vpcIntent({ number: 1, cidr: '10.0.0.0/16', subnets: [], groups: [], ports });
}

const port = (at: number, groupIds: PortIntent['groupIds'] = []): PortIntent => ({
  interfaceId: `eni-0000000000000000${at}`,
  subnetId: 'subnet-00000000000000001',
  nodeId: 'node-1',
  macAddress: `02:00:00:00:00:0${at}`,
  privateIps: [`10.0.0.${at + 4}`],
  publicIps: [],
  groupIds,
  checksSource: true,
});

/** A document that says what has changed of the VPC since the generation before. */
function changeOf(generation: number, ports: PortIntent[], instances = [instanceIntent()]) {
  const { ports: _, ...frame } = vpcOf([]);
  const change = { since: generation - 1, generation, frame, ports, gone: [] };
  return { ...intentOf(generation, instances), vpcChanges: [change] };
}

async function storeWithVpc(dataDir: string): Promise<IntentStore> {
  const store = await IntentStore.open(dataDir, 'node-1');
  const { id } = vpcOf([]);
  const whole = { vpcs: [vpcOf([port(1), port(2)])], vpcVersions: [{ id, generation: 1 }] };
  await store.put({ ...intentOf(1, [instanceIntent()]), ...whole }, () => false);
  return store;
}

test('of a document no more than what it changes is written, and read again with the rest', async () => {
  await using lab = await createLab();
  const store = await storeWithVpc(lab.dataDir);
  const whole = await readFile(join(lab.dataDir, 'intent.json'));
  await store.put(changeOf(2, [port(2, ['sg-00000000000000001'])]), () => false);
  const other = { ...instanceIntent({ generation: 9 }), id: 'i-00000000000000009' as const };
  await store.put(changeOf(3, [port(3)], [other, instanceIntent()]), () => false);
  assert.deepEqual(await readFile(join(lab.dataDir, 'intent.json')), whole);
  const journal = await readFile(join(lab.dataDir, 'intent-changes.jsonl'), 'utf8');
  assert.ok(!journal.includes(port(1).interfaceId), 'a port that stays is not written');
  assert.equal(journal.split(instanceIntent().metadata.hostname).length, 2, 'nor is an instance');
  const next = await IntentStore.open(lab.dataDir, 'node-1');
  assert.equal(next.generation, 3);
  assert.deepEqual(next.vpcs, store.vpcs);
  assert.deepEqual(
    next.vpcs[0]!.ports.map(({ groupIds }) => groupIds.length),
    [0, 1, 0],
  );
  assert.deepEqual(next.instances(), [other, instanceIntent()]);
});

test('a change that was cut short was never kept; what comes next is written whole', async () => {
  await using lab = await createLab();
  const store = await storeWithVpc(lab.dataDir);
  await store.put(changeOf(2, [port(3)]), () => false);
  const path = join(lab.dataDir, 'intent-changes.jsonl');
  const line = await readFile(path);
  for (const length of [0, 1, 9, line.length - 1]) {
    await writeFile(path, Buffer.concat([line, line.subarray(0, length)]));
    const next = await IntentStore.open(lab.dataDir, 'node-1');
    assert.equal(next.generation, 2, `${length}`);
    assert.equal(next.vpcs[0]!.ports.length, 3);
  }
  const next = await IntentStore.open(lab.dataDir, 'node-1');
  await next.put(changeOf(3, [port(4)]), () => false);
  assert.deepEqual(await readdir(lab.dataDir), ['intent.json']);
  assert.equal((await IntentStore.open(lab.dataDir, 'node-1')).vpcs[0]!.ports.length, 4);
});

test('changes from before all of it was written are skipped, and damaged ones are not taken', async () => {
  await using lab = await createLab();
  const store = await storeWithVpc(lab.dataDir);
  await store.put(changeOf(2, [port(3)]), () => false);
  const path = join(lab.dataDir, 'intent-changes.jsonl');
  const line = await readFile(path);
  await rm(path);
  const again = await storeWithVpc(lab.dataDir);
  await again.put(changeOf(2, [port(3)]), () => false);
  // As if the process had died after it wrote all of it and before it took the changes away.
  const whole = JSON.parse((await readFile(join(lab.dataDir, 'intent.json'))).toString());
  await writeFile(join(lab.dataDir, 'intent.json'), JSON.stringify({ ...whole, generation: 2 }));
  assert.equal((await IntentStore.open(lab.dataDir, 'node-1')).generation, 2);
  const damaged = line.toString('utf8').replace('10.0.0', '10.9.0');
  await writeFile(path, `${damaged}${line}`);
  await assert.rejects(IntentStore.open(lab.dataDir, 'node-1'), /is damaged: remove it/);
  // Of the last one a power cut may have left anything; nobody was told that it was kept.
  await writeFile(path, damaged);
  await writeFile(join(lab.dataDir, 'intent.json'), JSON.stringify({ ...whole, generation: 1 }));
  const after = await IntentStore.open(lab.dataDir, 'node-1');
  assert.equal(after.generation, 1);
  await after.put(changeOf(2, [port(3)]), () => false);
  assert.equal((await IntentStore.open(lab.dataDir, 'node-1')).generation, 2);
});

test('after as much as all of it has changed it is written whole', async () => {
  await using lab = await createLab();
  const store = await storeWithVpc(lab.dataDir);
  const userData = 'x'.repeat(400_000);
  for (let generation = 2; generation <= 6; generation += 1) {
    const metadata = { ...instanceIntent().metadata, userData };
    const instance = instanceIntent({ generation, metadata });
    await store.put(changeOf(generation, [], [instance]), () => false);
  }
  const { size } = await stat(join(lab.dataDir, 'intent-changes.jsonl'));
  assert.ok(size < 1024 * 1024, `${size}`);
  assert.equal((await IntentStore.open(lab.dataDir, 'node-1')).generation, 6);
});

test('an intent for another node is refused', async () => {
  await using lab = await createLab();
  const store = await IntentStore.open(lab.dataDir, 'node-2');
  await assert.rejects(
    store.put(intentOf(1, []), () => false),
    /reached node-2/,
  );
});

test('an instance is found by its address until it is terminated', async () => {
  await using lab = await createLab();
  const store = await IntentStore.open(lab.dataDir, 'node-1');
  const { privateIp } = instanceIntent().interfaces[0]!;
  await store.put(intentOf(1, [instanceIntent()]), () => false);
  assert.equal(store.findByAddress(privateIp)?.id, instanceIntent().id);
  assert.equal(store.findByAddress('172.31.0.6'), undefined);
  await store.put(intentOf(2, [instanceIntent({ power: 'terminated' })]), () => false);
  assert.equal(store.findByAddress(privateIp), undefined);
});

test('only an ended instance is dropped when it is not mentioned any more', () => {
  const known = (power: InstanceIntent['power']) =>
    new Map([[instanceIntent().id, instanceIntent({ power })]]);
  assert.equal(mergeInstances(known('running'), [], () => true).length, 1);
  assert.equal(mergeInstances(known('stopped'), [], () => true).length, 1);
  assert.equal(mergeInstances(known('terminated'), [], () => false).length, 1);
  assert.equal(mergeInstances(known('terminated'), [], () => true).length, 0);
});

test('an instance does not go back to an older generation of its own', () => {
  const known = new Map([[instanceIntent().id, instanceIntent({ generation: 3 })]]);
  const merged = mergeInstances(known, [instanceIntent({ generation: 2 })], () => false);
  assert.deepEqual(
    merged.map(({ generation }) => generation),
    [3],
  );
});
