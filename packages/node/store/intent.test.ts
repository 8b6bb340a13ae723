import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InstanceIntent, NodeIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
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

test('half an intent of a process that died is removed', async () => {
  await using lab = await createLab();
  const store = await IntentStore.open(lab.dataDir, 'node-1');
  await store.put(intentOf(5, []), () => false);
  await writeFile(join(lab.dataDir, 'intent.json.new'), '{"generation": 6');
  assert.equal((await IntentStore.open(lab.dataDir, 'node-1')).generation, 5);
  assert.deepEqual(await readdir(lab.dataDir), ['intent.json']);
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
