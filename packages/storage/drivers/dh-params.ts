// Owns the Diffie-Hellman parameters that QEMU's TLS servers ask for: a known group (RFC 3526, 2,048 bits), since a prime
// that is made anew is no safer. TLS 1.3 takes none of them.

import { createDiffieHellmanGroup } from 'node:crypto';

const INTEGER = 0x02;
const SEQUENCE = 0x30;
const LINE_CHARACTERS = 64;

/** PEM of PKCS #3's DHParameter. */
export function renderDhParams(): string {
  const group = createDiffieHellmanGroup('modp14');
  const numbers = [group.getPrime(), group.getGenerator()].map((bytes) => {
    // One that begins with a set bit would be negative.
    const isNegative = bytes[0]! >= 0x80;
    return renderTag(INTEGER, isNegative ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
  });
  const text = renderTag(SEQUENCE, Buffer.concat(numbers)).toString('base64');
  const lines = text.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
  return `-----BEGIN DH PARAMETERS-----\n${lines.join('\n')}\n-----END DH PARAMETERS-----\n`;
}

/** DER: a length below 128 is one byte, a longer one is told how many follow. */
function renderTag(tag: number, bytes: Buffer): Buffer {
  const { length } = bytes;
  const size = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), bytes]);
}
