// Owns percent-encoding as AWS signs it: by bytes, with `A-Za-z0-9-._~` as the only plain characters.

const HEX = '0123456789ABCDEF';
const PLAIN = plainBytes();

function plainBytes(): readonly boolean[] {
  const text = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~';
  return Array.from({ length: 256 }, (_, byte) => text.includes(String.fromCharCode(byte)));
}

/** Encodes every byte that is not plain; `keep` names further bytes to leave alone, such as `/`. */
export function encodePercent(bytes: Uint8Array, keep = ''): string {
  let out = '';
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    out += PLAIN[byte] || keep.includes(char) ? char : `%${HEX[byte >> 4]}${HEX[byte & 15]}`;
  }
  return out;
}

export function encodePercentText(text: string, keep = ''): string {
  return encodePercent(Buffer.from(text, 'utf8'), keep);
}

/**
 * Decodes `%xx`; a `%` that starts no such triple stays as it is, and `+` is a plus. The text is one character a
 * byte (latin1), which is how node:http gives a request target.
 */
export function decodePercent(text: string): Buffer {
  if (!text.includes('%')) return Buffer.from(text, 'latin1');
  const out = Buffer.alloc(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const pair = text[i] === '%' ? text.slice(i + 1, i + 3) : '';
    const isTriple = /^[0-9A-Fa-f]{2}$/.test(pair);
    out[length++] = isTriple ? Number.parseInt(pair, 16) : text.charCodeAt(i);
    if (isTriple) i += 2;
  }
  return out.subarray(0, length);
}
