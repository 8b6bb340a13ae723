import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import {
  commonNameOf,
  fingerprintOf,
  issueCertificate,
  makeAuthority,
  newKeyPair,
} from './certificates.ts';
import { systemRandom } from './random.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Thirty years from here two digits of the year do not do any more. */
const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const issuing = { clock: { nowMs: () => nowMs }, random: systemRandom };

test('a certificate is its authority’s, for its name and its use, from before now on', () => {
  const authority = makeAuthority('Ironbark 1f', issuing);
  const root = new X509Certificate(authority.certificate);
  assert.ok(root.ca);
  assert.ok(root.verify(root.publicKey));
  assert.equal(commonNameOf(root), 'Ironbark 1f');
  const { key, publicKey } = newKeyPair();
  const pem = issueCertificate(authority, { name: 'node-1', use: 'client', publicKey }, issuing);
  const leaf = new X509Certificate(pem);
  assert.ok(!leaf.ca);
  assert.ok(leaf.checkIssued(root));
  assert.ok(leaf.verify(root.publicKey));
  assert.ok(leaf.checkPrivateKey(createPrivateKey(key)));
  assert.equal(leaf.checkHost('node-1'), 'node-1');
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.equal(leaf.validFromDate.getTime(), nowMs - 2 * DAY_MS);
  assert.equal(leaf.validToDate.getUTCFullYear(), 2055);
  assert.equal(fingerprintOf(pem), leaf.fingerprint256.replaceAll(':', '').toLowerCase());
});

test('the same name of another authority is another certificate', () => {
  const [one, other] = [makeAuthority('Ironbark', issuing), makeAuthority('Ironbark', issuing)];
  const { publicKey } = newKeyPair();
  const pem = issueCertificate(one, { name: 'node-1', use: 'client', publicKey }, issuing);
  assert.ok(!new X509Certificate(pem).verify(new X509Certificate(other.certificate).publicKey));
  assert.notEqual(fingerprintOf(one.certificate), fingerprintOf(other.certificate));
});
