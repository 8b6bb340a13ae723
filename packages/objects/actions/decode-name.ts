// Owns how bucket and key are read from the wire: percent-encoded UTF-8, in paths and in x-amz-copy-source alike.

import { ServiceError } from '@ironbark/core/errors.ts';
import { decodePercent } from '@ironbark/protocol/sigv4/percent.ts';

export function decodeName(encoded: string): string {
  try {
    const bytes = decodePercent(encoded);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new ServiceError({
      kind: 'malformed-id',
      resource: 'object',
      message: "Couldn't parse the specified URI: the name is not UTF-8.",
      cause: error,
    });
  }
}
