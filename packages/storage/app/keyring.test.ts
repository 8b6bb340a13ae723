import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { exists } from '@ironbark/platform/files.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { type KeyringSource, openKeyring } from './keyring.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironbark-keyring-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const KEY = Buffer.alloc(32, 7);
const open = (source: KeyringSource, knownEnvelope?: string) =>
  openKeyring(source, { random: systemRandom, knownEnvelope });

test('a keyring is made when it is first needed, for its owner alone, and stays', async () => {
  const path = join(folder, 'made', 'master.key');
  const keyring = await open({ path });
  assert.equal(await exists(path), false);
  await Promise.all([keyring.ensure(), keyring.ensure()]);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const envelope = keyring.close('account 1', KEY);
  assert.ok(!envelope.includes(KEY.toString('base64url')));
  const text = await readFile(path, 'utf8');
  const again = await open({ path }, envelope);
  await again.ensure();
  assert.equal(await readFile(path, 'utf8'), text);
  assert.deepEqual(again.open('account 1', envelope), KEY);
  assert.deepEqual((await open({ handedOver: text }, envelope)).open('account 1', envelope), KEY);
});

test('an envelope opens for its purpose only, and unchanged only', async () => {
  const keyring = await open({ path: join(folder, 'purpose') });
  await keyring.ensure();
  const envelope = keyring.close('account 1', KEY);
  const unavailable = (error: unknown) => isServiceError(error, 'unavailable');
  assert.throws(() => keyring.open('account 2', envelope), unavailable);
  assert.throws(() => keyring.open('account 1', `${envelope.slice(0, -4)}AAAA`), unavailable);
});

test('a missing keyring, another one and a broken one are told apart, and none is made over', async () => {
  const path = join(folder, 'lost');
  const first = await open({ path });
  await first.ensure();
  const envelope = first.close('account 1', KEY);
  await rm(path);
  const missing = await open({ path }, envelope);
  assert.match(missing.problem ?? '', /is missing\. What is encrypted is kept/);
  await assert.rejects(missing.ensure(), (error) => isServiceError(error, 'unavailable'));
  assert.equal(await exists(path), false);
  const other = await open({ path: join(folder, 'other') });
  await other.ensure();
  assert.match(
    (await open({ path: join(folder, 'other') }, envelope)).problem ?? '',
    /is not the one/,
  );
  await writeFile(path, 'nonsense');
  assert.match((await open({ path }, envelope)).problem ?? '', /cannot be read/);
  assert.match((await open({ handedOver: undefined })).problem ?? '', /is missing/);
});
