// Owns the certificates of a cloud's own authority: X.509 version 3 in DER (RFC 5280) with Ed25519 keys (RFC 8410),
// as little of it as two sides need that know each other's authority. Node reads certificates and does not write any.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import { type Clock, renderTime } from './clock.ts';
import type { RandomSource } from './random.ts';

/** Both PEM. */
export interface Identity {
  certificate: string;
  /** A secret. */
  key: string;
}

export interface CertificateWishes {
  /** The common name. */
  name: string;
  /** What TLS may use it for; `authority`: to issue others with. */
  use: 'authority' | 'server' | 'client';
  /** PEM, of whom it is for. */
  publicKey: string;
}

interface Issuing {
  clock: Pick<Clock, 'nowMs'>;
  random: RandomSource;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Hosts whose clocks are behind take it all the same. */
const BACKDATED_MS = 2 * DAY_MS;
/** Who is not to come in any more is taken off the list of nodes; nobody is to be shut out by a date instead. */
const VALID_MS = 30 * 365 * DAY_MS;
const SERIAL_BYTES = 16;

const OID = {
  ed25519: '06032b6570',
  commonName: '0603550403',
  basicConstraints: '0603551d13',
  keyUsage: '0603551d0f',
  extendedKeyUsage: '0603551d25',
  alternativeName: '0603551d11',
  server: '06082b06010505070301',
  client: '06082b06010505070302',
};

export function newKeyPair(): { key: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

export function makeAuthority(name: string, issuing: Issuing): Identity {
  const { key, publicKey } = newKeyPair();
  const wishes: CertificateWishes = { name, use: 'authority', publicKey };
  return { key, certificate: write(wishes, { name, key }, issuing) };
}

/** PEM. Refuses, as malformed, what is no public key of Ed25519. */
export function issueCertificate(
  authority: Identity,
  wishes: CertificateWishes,
  issuing: Issuing,
): string {
  const name = commonNameOf(new X509Certificate(authority.certificate));
  return write(wishes, { name, key: authority.key }, issuing);
}

/** Lower-case hexadecimal SHA-256 of the DER. */
export function fingerprintOf(certificate: string | Buffer): string {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex');
}

export function commonNameOf({ subject }: Pick<X509Certificate, 'subject'>): string {
  return /^CN=(.+)$/m.exec(subject)?.[1] ?? '';
}

function write(
  wishes: CertificateWishes,
  issuer: { name: string; key: string },
  { clock, random }: Issuing,
): string {
  const algorithm = sequence(oid(OID.ed25519));
  const from = clock.nowMs() - BACKDATED_MS;
  const serial = random.bytes(SERIAL_BYTES);
  // Positive, and without a first byte that could be left away.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const content = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, serial),
    algorithm,
    nameOf(issuer.name),
    sequence(time(from), time(from + VALID_MS)),
    nameOf(wishes.name),
    readPublicKey(wishes.publicKey),
    tagged(0xa3, sequence(...extensionsOf(wishes))),
  );
  const signature = sign(null, content, createPrivateKey(issuer.key));
  return renderPem(sequence(content, algorithm, bits(signature, 0)));
}

function extensionsOf({ use, name }: CertificateWishes): Buffer[] {
  const isAuthority = use === 'authority';
  const constraints = isAuthority ? sequence(tagged(0x01, Buffer.from([0xff]))) : sequence();
  // Bit 5: to sign certificates; bit 0: to sign what TLS agrees on.
  const usage = isAuthority ? bits(Buffer.from([0x04]), 2) : bits(Buffer.from([0x80]), 7);
  const common = [
    extension(OID.basicConstraints, constraints, true),
    extension(OID.keyUsage, usage, true),
  ];
  if (use === 'authority') return common;
  const dnsName = tagged(0x82, Buffer.from(name, 'latin1'));
  return [
    ...common,
    extension(OID.extendedKeyUsage, sequence(oid(OID[use])), true),
    extension(OID.alternativeName, sequence(dnsName), false),
  ];
}

function extension(id: string, value: Buffer, isCritical: boolean): Buffer {
  const critical = isCritical ? [tagged(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...critical, tagged(0x04, value));
}

function nameOf(text: string): Buffer {
  const attribute = sequence(oid(OID.commonName), tagged(0x0c, Buffer.from(text, 'utf8')));
  return sequence(tagged(0x31, attribute));
}

/** Until 2049 with two digits of the year, from then on with four (RFC 5280, 4.1.2.5). */
function time(ms: number): Buffer {
  const digits = `${renderTime(ms).slice(0, 19).replace(/[-:T]/g, '')}Z`;
  const isLate = digits >= '2050';
  return tagged(isLate ? 0x18 : 0x17, Buffer.from(isLate ? digits : digits.slice(2), 'latin1'));
}

function oid(encoded: string): Buffer {
  return Buffer.from(encoded, 'hex');
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function bits(bytes: Buffer, unused: number): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([unused]), bytes]));
}

function tagged(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}

/**
 * DER of the key and of nothing else: the key may be a stranger's, and what follows it in the certificate says what
 * the certificate is good for.
 */
function readPublicKey(pem: string): Buffer {
  const key = parsePublicKey(pem);
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new ServiceError({
      kind: 'malformed-input',
      resource: 'node',
      message: 'The public key is none of Ed25519.',
    });
  }
  return key.export({ type: 'spki', format: 'der' });
}

function parsePublicKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function renderPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
