import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIB, KIB, MIB } from '@ironbark/core/units.ts';
import { instanceLayout } from '../store/instance-layout.ts';
import { ConsoleLog } from './console-log.ts';

const ID = 'i-0123456789abcdef0';

async function createLab() {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-console-'));
  const layout = instanceLayout(dataDir, ID);
  await mkdir(layout.directory, { recursive: true });
  const dispose = () => rm(dataDir, { recursive: true });
  return { log: new ConsoleLog(dataDir), layout, [Symbol.asyncDispose]: dispose };
}

test('the newest 64 KiB are kept, and the file stays small whatever comes', async () => {
  await using lab = await createLab();
  let written = '';
  for (let line = 0; line < 20_000; line++) written += `line ${line} of a talkative guest\n`;
  for (let at = 0; at < written.length; at += 50_000) {
    await lab.log.append(ID, Buffer.from(written.slice(at, at + 50_000)));
    assert.ok((await stat(lab.layout.console)).size <= 256 * KIB);
  }
  await lab.log.append(ID, new Uint8Array());
  const { bytes, updatedAt } = await lab.log.read(ID);
  assert.equal(Buffer.from(bytes).toString(), written.slice(-64 * KIB));
  assert.ok(Date.parse(updatedAt) > 0);
});

test('one piece larger than the file may be is cut to its end', async () => {
  await using lab = await createLab();
  await lab.log.append(ID, Buffer.concat([Buffer.alloc(900 * KIB, 'a'), Buffer.from('end')]));
  assert.ok((await stat(lab.layout.console)).size <= 256 * KIB);
  const { bytes } = await lab.log.read(ID);
  assert.equal(Buffer.from(bytes.slice(-3)).toString(), 'end');
});

test('A35: a GiB of console output stays under the cap, whatever the guest writes', async () => {
  await using lab = await createLab();
  const piece = Buffer.alloc(MIB, 'x');
  let most = 0;
  for (let written = 0; written < GIB; written += piece.length) {
    await lab.log.append(ID, piece);
    most = Math.max(most, (await stat(lab.layout.console)).size);
  }
  assert.ok(most <= 256 * KIB, `${most} bytes`);
  assert.deepEqual(await readdir(lab.layout.directory), ['console.log']);
});

test('an instance that wrote nothing has an empty console', async () => {
  await using lab = await createLab();
  assert.equal((await lab.log.read(ID)).bytes.length, 0);
});
