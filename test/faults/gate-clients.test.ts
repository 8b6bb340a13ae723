// A volume of this host in use on another one, here a network name space: through whatever dies in between, until it is
// taken away. Nobody but the node that has the attachment comes in, and nothing is left of it afterwards.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { whyNoNamespaces } from '@ironbark/node/testing/guest-namespace.ts';
import { exists } from '@ironbark/platform/files.ts';
import { findProcesses } from '@ironbark/platform/processes.ts';
import type { GateAccess } from '@ironbark/protocol/internal/nbd-gates.ts';
import { NODE, volume } from '@ironbark/storage/testing/harness.ts';
import { FarNodeLab, HOSTS, VOLUME } from '../support/far-node-lab.ts';

const skip = whyNoNamespaces();
const MIB = 2 ** 20;

let lab: FarNodeLab;
let first: GateAccess;

before(async () => {
  if (skip === false) lab = await FarNodeLab.make();
});
after(async () => await lab?.[Symbol.asyncDispose]());

test('the other host writes what this one reads, and nobody else is told the way', {
  skip,
}, async () => {
  await lab.attach();
  await lab.io('read -P 0 0 1M', 'write -P 0x5a 4M 1M', 'flush');
  assert.ok((await lab.harness.read(VOLUME, 4 * MIB, MIB)).every((byte) => byte === 0x5a));
  const { gates } = lab.harness.storage;
  const asked = { id: VOLUME, opening: 1 };
  first = (await gates.findGate(NODE, asked))!;
  assert.equal(await gates.findGate('node-b', asked), undefined);
  assert.equal(await gates.findGate(NODE, { ...asked, opening: 2 }), undefined);
  assert.doesNotMatch(lab.harness.log(), new RegExp(first.key));
});

test('gate, daemon and client die at once: who reads and writes waits, and goes on', {
  skip,
}, async () => {
  await using writer = await lab.startWriter();
  await lab.killAll();
  await writer.untilMore();
  await lab.io('read -P 0x5a 4M 1M');
});

test('the network in between is away for a while', { skip }, async () => {
  await using writer = await lab.startWriter();
  await lab.setWire('down');
  await lab.setWire('up');
  await writer.untilMore();
});

test('controllers and the node’s daemon start again, and clients and gates go on', {
  skip,
}, async () => {
  const pids = () =>
    Promise.all([lab.gatePidFile, lab.clientPidFile].map((path) => readFile(path)));
  const before = await pids();
  await lab.restartControllers();
  await lab.restartNode();
  await lab.io('read -P 0x5a 4M 1M');
  assert.deepEqual(await pids(), before);
});

test('after the end of all processes the attachment is as it was', { skip }, async () => {
  await lab.harness.stop();
  await lab.killAll();
  await lab.restartControllers();
  await lab.io('read -P 0x5a 4M 1M', 'write -P 0x5b 5M 1M', 'flush');
  const now = await lab.harness.storage.gates.findGate(NODE, { id: VOLUME, opening: 1 });
  assert.deepEqual(now, first);
});

test('a volume that is taken away is out of reach, and nothing is left', { skip }, async () => {
  const { directory } = lab.clients;
  const socket = lab.socket;
  await lab.harness.put(volume(1, { generation: 2, sizeBytes: 64 * MIB }));
  await lab.harness.untilVolume(VOLUME, (each) => each.generation === 2);
  await assert.rejects(lab.comeIn(first), /refused/i);
  lab.follow([]);
  await lab.harness.until('no client', async () => !(await exists(socket)));
  await lab.harness.until(
    'nothing',
    async () => (await readdir(`${directory}/clients`)).length === 0,
  );
  assert.deepEqual(await readdir(`${directory}/processes`), []);
  assert.deepEqual(await readdir(join(lab.harness.dataDir, 'run/gates')), []);
  // Other tests have clients of a volume of that name, of another host.
  const left = await findProcesses((argument) => argument.includes(`"host":"${HOSTS[0]}"`));
  assert.deepEqual(left, []);
});

test('taken by force while it is written to: no later byte arrives, and the next key is another', {
  skip,
}, async () => {
  await lab.attach(3, 2);
  const next = (await lab.harness.storage.gates.findGate(NODE, { id: VOLUME, opening: 2 }))!;
  assert.notEqual(next.key, first.key);
  await assert.rejects(lab.comeIn({ ...next, key: first.key }));
  await using _writer = await lab.startWriter();
  await lab.harness.put(volume(1, { generation: 4, sizeBytes: 64 * MIB, exportTo: 'node-front' }));
  const near = await lab.harness.untilVolume(VOLUME, (each) => each.export?.kind === 'nbd-unix');
  assert.equal(near.generation, 4);
  const bytes = await lab.harness.read(VOLUME, 0, 64 * MIB);
  lab.follow([]);
  await lab.harness.until('no client', async () => !(await exists(lab.socket)));
  assert.ok(bytes.equals(await lab.harness.read(VOLUME, 0, 64 * MIB)));
  assert.ok(bytes.subarray(4 * MIB, 5 * MIB).every((byte) => byte === 0x5a));
  assert.ok(bytes.subarray(5 * MIB, 6 * MIB).every((byte) => byte === 0x5b));
});
