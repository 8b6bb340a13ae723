import assert from 'node:assert/strict';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
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

test('a key that brings along what a certificate may be used for gives it no other use', () => {
  const authority = makeAuthority('Ironbark', issuing);
  const { publicKey } = newKeyPair();
  const wishes = { name: 'node-1', use: 'client' } as const;
  const usual = issueCertificate(authority, { ...wishes, publicKey }, issuing);
  const forged = withOwnExtensions(publicKey, new X509Certificate(usual).raw);
  const pem = issueCertificate(authority, { ...wishes, publicKey: forged }, issuing);
  const leaf = new X509Certificate(pem);
  assert.ok(!leaf.ca);
  assert.equal(leaf.checkHost('front.ironbark'), undefined);
  assert.equal(leaf.checkHost('node-1'), 'node-1');
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
});

test('no certificate is made for a key of another kind, or for no key', () => {
  const authority = makeAuthority('Ironbark', issuing);
  const { publicKey } = generateKeyPairSync('x25519');
  const foreign = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const none = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n';
  for (const key of [foreign, none]) {
    const wishes = { name: 'node-1', use: 'client', publicKey: key } as const;
    assert.throws(() => issueCertificate(authority, wishes, issuing), { kind: 'malformed-input' });
  }
});

/** Makes it an authority by the front's name; the octets of its last extension take in those that the authority adds. */
function withOwnExtensions(publicKey: string, usual: Buffer): string {
  const key = createPublicKey(publicKey).export({ type: 'spki', format: 'der' });
  // The content of the whole begins at its fourth byte, and is longer than 127 bytes.
  const isLong = usual[5] === 0x82;
  const contentEnd = isLong ? 8 + usual.readUInt16BE(6) : 7 + usual[6]!;
  const swallowed = contentEnd - usual.indexOf(key) - key.length;
  const isAuthority = Buffer.from('300f0603551d130101ff040530030101ff', 'hex');
  const name = Buffer.from('front.ironbark');
  const names = Buffer.concat([Buffer.from('30190603551d1104123010820e', 'hex'), name]);
  const unknown = Buffer.from('06022a03', 'hex');
  const headOf = (tag: number, length: number) =>
    Buffer.from(length < 0x80 ? [tag, length] : [tag, 0x81, length]);
  const octets = headOf(0x04, swallowed);
  const last = headOf(0x30, unknown.length + octets.length + swallowed);
  const rest = Buffer.concat([isAuthority, names, last, unknown, octets]);
  const inside = rest.length + swallowed;
  const all = headOf(0x30, inside);
  const parts = [key, headOf(0xa3, all.length + inside), all, rest];
  const base64 = Buffer.concat(parts).toString('base64');
  return `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`;
}
