import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MAX_WRITE_BYTES,
  type StagedBackend,
  type StoragePoint,
  type StoragePoints,
} from '../staged-backend.ts';
import { remoteStagedBackend, stagedBackendVerbs } from './staged-backend-wire.ts';
import { remoteStoragePoints, storagePointVerbs } from './storage-points-wire.ts';

const VOLUME = 'vol-00000000000000001';

/** Methods that note what they were asked for, and give their answer. */
function noteCalls() {
  const asked: unknown[][] = [];
  const noting =
    <T>(name: string, answer: T) =>
    async (...given: unknown[]): Promise<T> => {
      asked.push([name, ...given]);
      return answer;
    };
  return { asked, noting };
}

function openWire() {
  const { asked, noting } = noteCalls();
  const backend: StagedBackend = {
    inspect: async (id) => (id === VOLUME ? { sizeBytes: 5 } : undefined),
    list: noting('list', [VOLUME]),
    listUnfinished: noting('listUnfinished', []),
    prepare: noting('prepare', 50),
    write: noting('write', undefined),
    finish: noting('finish', undefined),
    grow: noting('grow', 60),
    remove: noting('remove', 70),
    space: noting('space', { totalBytes: 3, freeBytes: 2, largestBytes: 1 }),
  };
  const verbs = stagedBackendVerbs({ device: backend });
  const call = async (verb: string, input?: unknown) => {
    const answer = await verbs[verb]!(JSON.parse(JSON.stringify(input)));
    return JSON.parse(JSON.stringify(answer ?? null));
  };
  const transport = { call, callForBytes: () => assert.fail(), onChange: () => () => {} };
  return { verbs, asked, transport, remote: remoteStagedBackend(transport, 'device') };
}

test('every call reaches the backend, and its answer comes back', async () => {
  const { remote, asked } = openWire();
  assert.deepEqual(await remote.inspect(VOLUME), { sizeBytes: 5 });
  assert.equal(await remote.inspect('vol-00000000000000002'), undefined);
  assert.deepEqual(await remote.list(), [VOLUME]);
  assert.deepEqual(await remote.listUnfinished(), []);
  assert.equal(await remote.prepare(VOLUME, 512), 50);
  await remote.write(VOLUME, 3, Buffer.from([0, 255, 7]));
  await remote.finish(VOLUME);
  assert.equal(await remote.grow(VOLUME, 1024), 60);
  assert.equal(await remote.remove(VOLUME), 70);
  assert.deepEqual(await remote.space(), { totalBytes: 3, freeBytes: 2, largestBytes: 1 });
  assert.deepEqual(asked, [
    ['list'],
    ['listUnfinished'],
    ['prepare', VOLUME, 512],
    ['write', VOLUME, 3, Buffer.from([0, 255, 7])],
    ['finish', VOLUME],
    ['grow', VOLUME, 1024],
    ['remove', VOLUME],
    ['space'],
  ]);
});

test('the longest piece passes, and a longer one is refused', async () => {
  const { remote, asked } = openWire();
  await remote.write(VOLUME, 0, Buffer.alloc(MAX_WRITE_BYTES, 1));
  assert.equal(asked.length, 1);
  const malformed = { kind: 'malformed-input' };
  await assert.rejects(remote.write(VOLUME, 0, Buffer.alloc(MAX_WRITE_BYTES + 3)), malformed);
});

test('points in time that the storage keeps are asked for of the backend that has them', async () => {
  const { asked, noting } = noteCalls();
  const point: StoragePoint = { id: VOLUME, snapshotId: 'snap-00000000000000001' };
  const points: StoragePoints = {
    list: noting('list', [point]),
    drop: noting('drop', undefined),
    clone: noting('clone', true),
    inspectClone: noting('inspectClone', { state: 'running', percent: 7 } as const),
    flatten: noting('flatten', undefined),
    tidy: noting('tidy', undefined),
  };
  const verbs = storagePointVerbs(points);
  const call = async (verb: string, input?: unknown) =>
    JSON.parse(JSON.stringify((await verbs[verb]!(JSON.parse(JSON.stringify(input)))) ?? null));
  const remote = remoteStoragePoints({
    call,
    callForBytes: () => assert.fail(),
    onChange: () => () => {},
  });
  const clone = 'vol-00000000000000002';
  const sizes = { pointBytes: 512, sizeBytes: 1024 };
  assert.deepEqual(await remote.list(), [point]);
  await remote.drop(point);
  assert.equal(await remote.clone(clone, point, sizes), true);
  assert.deepEqual(await remote.inspectClone(clone), { state: 'running', percent: 7 });
  await remote.flatten(clone);
  await remote.tidy();
  assert.deepEqual(asked, [
    ['list'],
    ['drop', point],
    ['clone', clone, point, sizes],
    ['inspectClone', clone],
    ['flatten', clone],
    ['tidy'],
  ]);
  for (const [verb, input] of [
    ['pointsDrop', { id: VOLUME, snapshotId: 'snap-1@x' }],
    ['pointsDrop', { id: '../a', snapshotId: point.snapshotId }],
    ['pointsClone', { id: clone, from: { id: VOLUME }, sizes }],
    ['pointsClone', { id: clone, from: point, sizes: { ...sizes, sizeBytes: 2 ** 50 } }],
    ['pointsTidy', { all: true }],
  ] as const) {
    await assert.rejects(async () => verbs[verb]!(input), { kind: 'malformed-input' }, verb);
  }
  await assert.rejects(async () => storagePointVerbs(undefined)['pointsList']!({}), {
    kind: 'unsupported',
  });
});

test('what has no form is refused, and a backend that is not there says so', async () => {
  const { verbs, transport } = openWire();
  const backend = 'device';
  const cases: [string, unknown][] = [
    ['stagedInspect', { backend, id: '../../etc' }],
    ['stagedInspect', { backend: 'file', id: VOLUME }],
    ['stagedPrepare', { backend, id: VOLUME, sizeBytes: 0 }],
    ['stagedPrepare', { backend, id: VOLUME, sizeBytes: 2 ** 50 }],
    ['stagedWrite', { backend, id: VOLUME, offset: -1, bytes: '' }],
    ['stagedWrite', { backend, id: VOLUME, offset: 0, bytes: '*' }],
    ['stagedList', { backend, more: 1 }],
    ['stagedSpace', {}],
  ];
  for (const [verb, input] of cases) {
    await assert.rejects(async () => verbs[verb]!(input), { kind: 'malformed-input' }, verb);
  }
  const rbd = remoteStagedBackend(transport, 'rbd');
  await assert.rejects(rbd.list(), { kind: 'unsupported', message: /no backend rbd/ });
});
