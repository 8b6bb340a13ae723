import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { readProfile } from './lab-profile.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironbark-profile-'));
});
after(() => rm(folder, { recursive: true }));

async function file(name: string, contents: string): Promise<string> {
  const path = join(folder, name);
  await writeUnsynced(path, contents);
  return path;
}

test('a profile is one of the lab’s own by name, or a file by its path', async () => {
  assert.equal((await readProfile('paper')).testbed.wire?.mtu, 9_000);
  const disk = '{"disk":{"readBytesPerSecond":5e7,"writeBytesPerSecond":4e7}}';
  const own = await readProfile(await file('Old Server.json', disk));
  assert.deepEqual([own.name, own.testbed.disk?.readBytesPerSecond], ['old-server', 50e6]);
});

test('what is no profile is refused with what there is', async () => {
  await assert.rejects(readProfile('fast'), /no profile and no file fast/);
  await assert.rejects(readProfile(folder), /is no file/);
  await assert.rejects(readProfile(await file('a.json', '{')), /a\.json: the profile is no JSON/);
  const wrong = await file('b.json', '{"wire":{"mtu":1}}');
  await assert.rejects(readProfile(wrong), /b\.json: wire\.mtu has to be a number from 576/);
  const large = await file('c.json', ' '.repeat(100_000));
  await assert.rejects(readProfile(large), /larger than any profile/);
});
