// Owns the tests of SSH keys, against OpenSSH's own tool where the host has it.

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { makeSshKey, parsePublicKey } from './ssh-keys.ts';

async function hasKeygen(): Promise<boolean> {
  try {
    await systemCommands.run('ssh-keygen', ['-?'], { allowExitCodes: [0, 1, 255] });
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

const skip = (await hasKeygen()) ? false : 'no ssh-keygen on this host';

for (const type of ['ed25519', 'rsa'] as const) {
  test(`ssh-keygen reads a made ${type} key and finds the same public half`, { skip }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ironbark-key-'));
    try {
      const made = await makeSshKey(type);
      const file = join(folder, 'key');
      await writeFile(file, made.privateKey, { mode: 0o600 });
      const { stdout } = await systemCommands.run('ssh-keygen', ['-y', '-f', file]);
      assert.equal(stdout.trim().split(' ').slice(0, 2).join(' '), made.openssh);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test('fingerprints have the forms of AWS', async () => {
  const rsa = await makeSshKey('rsa');
  assert.match(rsa.fingerprint, /^(?:[0-9a-f]{2}:){19}[0-9a-f]{2}$/);
  assert.match(
    parsePublicKey(Buffer.from(rsa.openssh)).fingerprint,
    /^(?:[0-9a-f]{2}:){15}[0-9a-f]{2}$/,
  );
  const ed25519 = await makeSshKey('ed25519');
  assert.match(ed25519.fingerprint, /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(parsePublicKey(Buffer.from(ed25519.openssh)).fingerprint, ed25519.fingerprint);
  assert.match(createPrivateKey(rsa.privateKey).asymmetricKeyType!, /rsa/);
});

test('public keys are read in every form that EC2 takes, comments dropped', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
  const fromPem = parsePublicKey(Buffer.from(pem));
  const fromLine = parsePublicKey(Buffer.from(`${fromPem.openssh} me@host with spaces\n`));
  assert.deepEqual(fromLine, fromPem);
  const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  assert.deepEqual(parsePublicKey(Buffer.from(der)), fromPem);
  const lines = fromPem.openssh
    .split(' ')[1]!
    .match(/.{1,70}/g)!
    .join('\r\n');
  const heads = ['', 'Comment: "me"\r\nx-more: of what \\\r\nI like\r\n'];
  for (const head of heads) {
    const file = `---- BEGIN SSH2 PUBLIC KEY ----\r\n${head}${lines}\r\n---- END SSH2 PUBLIC KEY ----\r\n`;
    assert.deepEqual(parsePublicKey(Buffer.from(file)), fromPem);
  }
});

test('anything else is refused', async () => {
  const { openssh } = await makeSshKey('ed25519');
  const dsa = openssh.replace('ssh-ed25519', 'ssh-dss');
  const bad = ['', 'x', openssh.slice(0, -8), dsa, `${openssh}\nssh-rsa AAAA`, 'A'.repeat(20_000)];
  const small = generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey;
  bad.push(String(small.export({ type: 'spki', format: 'pem' })));
  for (const text of bad) {
    assert.throws(
      () => parsePublicKey(Buffer.from(text)),
      (error) => isServiceError(error, 'invalid-parameter') && error.resource === 'key-pair',
      text.slice(0, 60),
    );
  }
});
