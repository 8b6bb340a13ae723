// Owns the making and reading of SSH keys: OpenSSH's public line, private halves as AWS hands them out, and
// AWS's fingerprints.

import { createHash, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { refuse } from './refusals.ts';

export type SshKeyType = 'rsa' | 'ed25519';

export interface PublicKey {
  type: SshKeyType;
  /** `ssh-ed25519 AAAA...` without a comment. */
  openssh: string;
  fingerprint: string;
}

export interface MadeKey extends PublicKey {
  /** Given out once and kept nowhere. */
  privateKey: string;
}

/** What AWS makes. */
const RSA_BITS = 2048;
const makeKeys = promisify(generateKeyPair);

export async function makeSshKey(type: SshKeyType): Promise<MadeKey> {
  return type === 'rsa' ? makeRsaKey() : makeEd25519Key();
}

async function makeRsaKey(): Promise<MadeKey> {
  const { publicKey, privateKey } = await makeKeys('rsa', { modulusLength: RSA_BITS });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    type: 'rsa',
    openssh: renderPublicLine('ssh-rsa', rsaBlob(publicKey)),
    // AWS: SHA-1 of the DER private key, for keys that it made itself.
    fingerprint: withColons(createHash('sha1').update(pkcs8).digest('hex')),
    privateKey: String(privateKey.export({ type: 'pkcs1', format: 'pem' })),
  };
}

async function makeEd25519Key(): Promise<MadeKey> {
  const { publicKey, privateKey } = await makeKeys('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
  const seed = Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url');
  const blob = ed25519Blob(raw);
  return {
    type: 'ed25519',
    openssh: renderPublicLine('ssh-ed25519', blob),
    fingerprint: sha256Fingerprint(blob),
    privateKey: renderOpensshPrivate(blob, raw, seed),
  };
}

function renderPublicLine(name: string, blob: Buffer): string {
  return `${name} ${blob.toString('base64')}`;
}

/** SSH's wire form of a string: its length in four bytes, then its bytes (RFC 4251, section 5). */
function sshString(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** SSH's wire form of a positive number: no leading zeros, but one where the top bit is set. */
function sshNumber(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  return sshString(trimmed[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), trimmed]) : trimmed);
}

function rsaBlob(key: KeyObject): Buffer {
  const { n, e } = key.export({ format: 'jwk' });
  return Buffer.concat([
    sshString('ssh-rsa'),
    sshNumber(Buffer.from(e!, 'base64url')),
    sshNumber(Buffer.from(n!, 'base64url')),
  ]);
}

function ed25519Blob(raw: Buffer): Buffer {
  return Buffer.concat([sshString('ssh-ed25519'), sshString(raw)]);
}

/** OpenSSH's own private key file, unencrypted (openssh PROTOCOL.key). */
function renderOpensshPrivate(blob: Buffer, raw: Buffer, seed: Buffer): string {
  // The two equal check numbers tell a right passphrase from a wrong one; without one they may be anything.
  const check = createHash('sha256').update(seed).digest().subarray(0, 4);
  const secret = [check, check, blob, sshString(Buffer.concat([seed, raw])), sshString('')];
  const unpadded = Buffer.concat(secret);
  const padding = Buffer.from(Array.from({ length: -unpadded.length & 7 }, (_, i) => i + 1));
  const count = Buffer.from([0, 0, 0, 1]);
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[sshString('none'), sshString('none'), sshString(''), count, sshString(blob)],
    sshString(Buffer.concat([unpadded, padding])),
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g)!;
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** AWS shows ed25519's fingerprint as OpenSSH does, with base64's padding. */
function sha256Fingerprint(blob: Buffer): string {
  return createHash('sha256').update(blob).digest('base64');
}

function withColons(hex: string): string {
  return hex.match(/../g)!.join(':');
}

/** Larger keys than 16 KiB of text do not exist in practice. */
const MAX_KEY_BYTES = 16 * 1024;
const MIN_RSA_BITS = 1024;
const MAX_RSA_BITS = 16384;

/** Reads an OpenSSH line, RFC 4716's file, PEM, or DER in base64, as ImportKeyPair gets them. */
export function parsePublicKey(material: Uint8Array): PublicKey {
  if (material.length > MAX_KEY_BYTES) throw badKey();
  const text = Buffer.from(material).toString('latin1').trim();
  const key = readerOf(text)(text);
  if (key === undefined) throw badKey();
  return key;
}

function readerOf(text: string): (text: string) => PublicKey | undefined {
  if (text.startsWith('-----')) return parsePem;
  if (text.startsWith('---- ')) return parseRfc4716;
  return text.startsWith('ssh-') ? parseLine : parseDer;
}

function parseLine(text: string): PublicKey | undefined {
  const match = /^(ssh-rsa|ssh-ed25519) ([A-Za-z0-9+/]+={0,2})(?:[ \t][^\r\n]*)?$/.exec(text);
  return match === null ? undefined : parseBlob(match[2]!, match[1]);
}

/** Headers, of which a backslash at the end goes on in the next line, then base64 in short lines. */
const RFC_4716 =
  /^---- BEGIN SSH2 PUBLIC KEY ----\n(?:[!-9;-~]{1,64}: (?:[^\n]*\\\n)*[^\n]*\n)*([A-Za-z0-9+/\n]+={0,2})\n---- END SSH2 PUBLIC KEY ----$/;

function parseRfc4716(text: string): PublicKey | undefined {
  const match = RFC_4716.exec(text.replaceAll('\r\n', '\n'));
  return match === null ? undefined : parseBlob(match[1]!.replaceAll('\n', ''));
}

/** SSH's own form of a key: its kind, then its numbers. */
function parseBlob(base64: string, wanted?: string): PublicKey | undefined {
  const parts = readSshStrings(Buffer.from(base64, 'base64'));
  const kind = parts?.[0]?.toString('latin1');
  if (parts === undefined || kind !== (wanted ?? kind)) return undefined;
  if (kind === 'ssh-rsa') return parts.length === 3 ? toRsa(parts[1]!, parts[2]!) : undefined;
  if (kind !== 'ssh-ed25519') return undefined;
  return parts.length === 2 && parts[1]!.length === 32 ? toEd25519(parts[1]!) : undefined;
}

function parseDer(text: string): PublicKey | undefined {
  const base64 = text.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  return parsePem(`-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`);
}

/** Undefined unless the bytes are strings from the first to the last byte. */
function readSshStrings(bytes: Buffer): Buffer[] | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    parts.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return parts;
}

function parsePem(text: string): PublicKey | undefined {
  if (!/^-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(text)) return undefined;
  try {
    const key = createPublicKey(text);
    const { n, e, x } = key.export({ format: 'jwk' });
    if (key.asymmetricKeyType === 'ed25519') return toEd25519(Buffer.from(x!, 'base64url'));
    if (key.asymmetricKeyType !== 'rsa') return undefined;
    return toRsa(Buffer.from(e!, 'base64url'), Buffer.from(n!, 'base64url'));
  } catch {
    return undefined;
  }
}

function toEd25519(raw: Buffer): PublicKey {
  const blob = ed25519Blob(raw);
  return {
    type: 'ed25519',
    openssh: renderPublicLine('ssh-ed25519', blob),
    fingerprint: sha256Fingerprint(blob),
  };
}

function toRsa(e: Buffer, n: Buffer): PublicKey | undefined {
  const bits = BigInt(`0x0${n.toString('hex')}`).toString(2).length;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS || e.length === 0) return undefined;
  const jwk = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  // AWS: MD5 of the DER public key, for keys that were imported.
  const spki = key.export({ type: 'spki', format: 'der' });
  return {
    type: 'rsa',
    openssh: renderPublicLine('ssh-rsa', rsaBlob(key)),
    fingerprint: withColons(createHash('md5').update(spki).digest('hex')),
  };
}

function badKey(): Error {
  return refuse(
    'invalid-parameter',
    'key-pair',
    // EC2's own sentence, whichever form was meant.
    'Key is not in valid OpenSSH public key format',
  );
}
