import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { limitsOf } from '@ironbark/core/volume-types.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import type { BlockTarget } from '../block-target.ts';
import { blockTargetBytes, blockTargetVerbs, remoteBlockTarget } from './block-target-wire.ts';
import type { CallTransport } from './transport.ts';

const VOLUME: VolumeId = 'vol-0123456789abcdef0';
const TOKEN = 'f'.repeat(32);
const SNAPSHOT: SnapshotId = 'snap-0123456789abcdef0';

/** A target that writes down what it is asked, and both ends of the wire to it. */
function openWire() {
  const asked: unknown[][] = [];
  const exits = new Set<(id: VolumeId) => void>();
  const note = async (...call: unknown[]) => {
    asked.push(call);
  };
  const target: BlockTarget = {
    inspect: async (id) => {
      await note('inspect', id);
      return { running: true, exported: false, frozen: [SNAPSHOT] };
    },
    list: async () => [VOLUME],
    export: async (id, { seal }) => {
      if (seal !== undefined) await note('sealed', id, seal);
      return {
        export: { kind: 'nbd-unix', socketPath: `/x/${id}`, exportName: id },
        engine: 'e',
      };
    },
    unexport: (id) => note('unexport', id),
    close: (id, opening) => note('close', id, opening),
    fillsLazily: true,
    layer: (id, layer) => note('layer', id, layer),
    fill: (id) => note('fill', id),
    flush: (id) => note('flush', id),
    unlayer: (id) => note('unlayer', id),
    grow: (id, sizeBytes, options) => note('grow', id, sizeBytes, options),
    limit: (id, limits) => note('limit', id, limits),
    stop: (id) => note('stop', id),
    freeze: (id, snapshotId, sizeBytes, { tracksChanges, seal }) =>
      note('freeze', id, snapshotId, sizeBytes, tracksChanges, ...(seal ? [seal] : [])),
    freezeTogether: (points) => note('freezeTogether', ...points),
    openFrozen: async (id, snapshotId) => ({
      read: async (offset, length) => {
        await note('read', id, snapshotId, offset);
        return Buffer.alloc(length, 'z');
      },
      bases: async () => [SNAPSHOT],
      changes: async (base, offset, length) => {
        await note('changes', id, snapshotId, base);
        return [{ offset, length }];
      },
      data: async (offset, length) => {
        await note('data', id, snapshotId);
        return [{ offset, length }];
      },
      [Symbol.asyncDispose]: () => note('closed'),
    }),
    thaw: (id, snapshotId) => note('thaw', id, snapshotId),
    sweep: () => note('sweep'),
    onExit: (listener) => {
      exits.add(listener);
      return () => exits.delete(listener);
    },
    detach: () => note('detach'),
  };
  const verbs = blockTargetVerbs(target);
  const bytes = blockTargetBytes(target);
  const watchers = new Set<() => void>();
  const transport: CallTransport = {
    call: async (verb, input) => await verbs[verb]!(input),
    callForBytes: async (verb, input) => await bytes[verb]!(input),
    onChange: (listener) => {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
  };
  const change = () => {
    for (const watcher of watchers) watcher();
  };
  const die = (id: VolumeId) => {
    for (const exit of exits) exit(id);
  };
  return { remote: remoteBlockTarget(transport), verbs, bytes, asked, change, die };
}

test('every call reaches the target, and its answer comes back', async () => {
  const { remote, asked } = openWire();
  assert.deepEqual(await remote.inspect(VOLUME), {
    running: true,
    exported: false,
    frozen: [SNAPSHOT],
  });
  assert.deepEqual(await remote.list(), [VOLUME]);
  assert.equal((await remote.export(VOLUME, { opening: 1 })).export.exportName, VOLUME);
  await remote.unexport(VOLUME);
  await remote.close(VOLUME, 2);
  await remote.layer(VOLUME, { sizeBytes: 5, exportName: TOKEN });
  await remote.fill(VOLUME);
  await remote.flush(VOLUME);
  await remote.unlayer(VOLUME);
  await remote.grow(VOLUME, 5, { isMapped: true });
  await remote.limit(VOLUME, limitsOf({ type: 'gp2', sizeGib: 1 }));
  await remote.freeze(VOLUME, SNAPSHOT, 6, { tracksChanges: true });
  await remote.freezeTogether([{ id: VOLUME, snapshotId: SNAPSHOT, sizeBytes: 6 }]);
  await using reader = await remote.openFrozen(VOLUME, SNAPSHOT);
  assert.equal((await reader.read(7, 3)).toString(), 'zzz');
  assert.deepEqual(await reader.bases(), [SNAPSHOT]);
  assert.deepEqual(await reader.changes(SNAPSHOT, 8, 9), [{ offset: 8, length: 9 }]);
  assert.deepEqual(await reader.data(8, 9), [{ offset: 8, length: 9 }]);
  await remote.thaw(VOLUME, SNAPSHOT);
  await remote.stop(VOLUME);
  await remote.sweep();
  assert.deepEqual(asked.slice(1), [
    ['unexport', VOLUME],
    ['close', VOLUME, 2],
    ['layer', VOLUME, { sizeBytes: 5, exportName: TOKEN }],
    ['fill', VOLUME],
    ['flush', VOLUME],
    ['unlayer', VOLUME],
    ['grow', VOLUME, 5, { isMapped: true }],
    ['limit', VOLUME, limitsOf({ type: 'gp2', sizeGib: 1 })],
    ['freeze', VOLUME, SNAPSHOT, 6, true],
    ['freezeTogether', { id: VOLUME, snapshotId: SNAPSHOT, sizeBytes: 6 }],
    ['read', VOLUME, SNAPSHOT, 7],
    ['closed'],
    ['closed'],
    ['changes', VOLUME, SNAPSHOT, SNAPSHOT],
    ['closed'],
    ['data', VOLUME, SNAPSHOT],
    ['closed'],
    ['thaw', VOLUME, SNAPSHOT],
    ['stop', VOLUME],
    ['sweep'],
  ]);
});

test('the key of an encrypted volume comes with each order that may open it, and has its form', async () => {
  const { remote, verbs, asked } = openWire();
  const seal = { key: Buffer.alloc(32, 1).toString('base64'), sizeBytes: 6 };
  await remote.export(VOLUME, { opening: 1, seal });
  await remote.freeze(VOLUME, SNAPSHOT, 6, { tracksChanges: false, seal });
  const point = { id: VOLUME, snapshotId: SNAPSHOT, sizeBytes: 6, seal };
  await remote.freezeTogether([point]);
  await remote.layer(VOLUME, { sizeBytes: 6, seal, writtenBytes: 0 });
  assert.deepEqual(asked.splice(0), [
    ['sealed', VOLUME, seal],
    ['freeze', VOLUME, SNAPSHOT, 6, false, seal],
    ['freezeTogether', point],
    ['layer', VOLUME, { sizeBytes: 6, seal, writtenBytes: 0 }],
  ]);
  for (const bad of [
    { ...seal, key: 'short' },
    { ...seal, key: `${seal.key.slice(0, -2)}\n=` },
    { ...seal, sizeBytes: -1 },
    { ...seal, path: '/etc/shadow' },
    { key: seal.key },
  ]) {
    const isRefused = (error: unknown) =>
      isServiceError(error, 'malformed-input') && !error.message.includes(bad.key);
    for (const verb of ['export', 'layer', 'freeze']) {
      const call = async () => await verbs[verb]!({ ...INPUTS[verb], seal: bad });
      await assert.rejects(call, isRefused);
    }
  }
  assert.deepEqual(asked, []);
});

test('each exit is told once, also one that was missed, and the other side’s own end tells nothing', async () => {
  const { remote, change, die, asked } = openWire();
  const told: VolumeId[] = [];
  remote.onExit((id) => told.push(id));
  const until = (count: number) =>
    waitFor(() => told.length >= count, { clock: systemClock, timeoutMs: 2_000, what: 'exits' });
  change();
  die(VOLUME);
  die('vol-0123456789abcdef1');
  change();
  await until(2);
  change();
  die(VOLUME);
  change();
  await until(3);
  assert.deepEqual(told, [VOLUME, 'vol-0123456789abcdef1', VOLUME]);
  await remote.detach();
  assert.deepEqual(asked, []);
});

const LIMITS = { iops: 100, bytesPerSecond: 1_000, operationBytes: 4_096 };

/** What each verb takes, so that one bad field is all that is wrong with an input. */
const INPUTS: Readonly<Record<string, object>> = {
  exits: { after: 0 },
  inspect: { id: VOLUME },
  list: {},
  export: {
    ...{ id: VOLUME, opening: 1, limits: LIMITS, isShared: true },
    gateAddress: '198.51.100.1',
  },
  limit: { id: VOLUME, limits: LIMITS },
  unexport: { id: VOLUME },
  findGate: { id: VOLUME },
  close: { id: VOLUME, opening: 1 },
  layer: { id: VOLUME, sizeBytes: 1, exportName: TOKEN, writtenBytes: 0 },
  fill: { id: VOLUME },
  flush: { id: VOLUME },
  unlayer: { id: VOLUME },
  grow: { id: VOLUME, sizeBytes: 1, isMapped: true },
  stop: { id: VOLUME },
  freeze: { id: VOLUME, snapshotId: SNAPSHOT, sizeBytes: 1, tracksChanges: true },
  freezeTogether: { points: [{ id: VOLUME, snapshotId: SNAPSHOT, sizeBytes: 1 }] },
  thaw: { id: VOLUME, snapshotId: SNAPSHOT },
  frozenBases: { id: VOLUME, snapshotId: SNAPSHOT },
  frozenChanges: { id: VOLUME, snapshotId: SNAPSHOT, base: SNAPSHOT, offset: 0, length: 1 },
  frozenData: { id: VOLUME, snapshotId: SNAPSHOT, offset: 0, length: 1 },
  sweep: {},
  readFrozen: { id: VOLUME, snapshotId: SNAPSHOT, offset: 0, length: 1 },
};
const HOSTILE = ['../x', '/etc/shadow', 'vol-x', `${VOLUME}/..`, `${VOLUME}\n`, -1, 1e300, null];

test('A4: what is no id, no size or no verb changes nothing', async () => {
  const { verbs, bytes, asked } = openWire();
  const calls = { ...verbs, ...bytes };
  assert.deepEqual(Object.keys(calls), Object.keys(INPUTS));
  const isRefused = (error: unknown) => isServiceError(error, 'malformed-input');
  for (const [verb, input] of Object.entries(INPUTS)) {
    for (const field of [...Object.keys(input), 'unknown']) {
      for (const bad of HOSTILE) {
        const call = async () => await calls[verb]!({ ...input, [field]: bad });
        await assert.rejects(call, isRefused, `${verb} ${field} ${bad}`);
      }
    }
  }
  const tooLong = { id: VOLUME, snapshotId: SNAPSHOT, offset: 0, length: 2 ** 30 };
  await assert.rejects(async () => await bytes['readFrozen']!(tooLong), isRefused);
  assert.deepEqual(asked, []);
});
