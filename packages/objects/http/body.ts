// Owns the body modes of S3: which decoder a verified request's body goes through and what must be true at its end.

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '@ironbark/core/errors.ts';
import { BLOCK_BYTES, giveBack } from '@ironbark/platform/blocks.ts';
import { AwsChunkedDecoder } from '@ironbark/protocol/s3/aws-chunked.ts';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  type DigestAlgorithm,
  type Digests,
  findAlgorithm,
  parseDigest,
} from '@ironbark/protocol/s3/checksums.ts';
import type { SignedPayload } from '@ironbark/protocol/sigv4/payload.ts';
import type { BodyOptions } from '../actions/action.ts';
import { missingLength } from '../actions/body-length.ts';
import { type ByteSource, digestMismatch } from '../app/byte-source.ts';
import { readIncoming } from './incoming-bytes.ts';

/** A digest that the sender announced. */
interface Expectation {
  algorithm: DigestAlgorithm;
  expected: Buffer;
  mismatch(): ServiceError;
}

/** Smaller ones are hardly more than one block. */
const LARGE_BYTES = 4 * BLOCK_BYTES;

/** Throws at once when the headers contradict each other; reads nothing before the chunks are asked for. */
export function openBody(
  request: IncomingMessage,
  response: ServerResponse,
  payload: SignedPayload,
  options: BodyOptions = {},
): ByteSource {
  const headers = options.checksumIsOfObject ? withoutChecksums(request.headers) : request.headers;
  const expectations = [...payloadExpectation(payload), ...headerExpectations(headers)];
  const decoder = chooseDecoder(payload, headers);
  const trailer = decoder === undefined ? undefined : trailerAlgorithm(decoder.trailers);
  const lengthBytes = decoder?.decodedLength ?? rawLength(headers);
  const inBlocks = options.keepsNoChunk === true && (lengthBytes ?? 0) >= LARGE_BYTES;
  const incoming = readIncoming(request, response, { inBlocks });
  const isOpenEnded = payload.kind === 'unsigned-trailer' && trailer === undefined;
  const announced = chooseChecksum(headers, trailer);
  const checksum = announced ?? (isOpenEnded ? 'crc64nvme' : undefined);
  const algorithms = [...expectations.map((e) => e.algorithm), ...(checksum ? [checksum] : [])];
  return {
    chunks: decoder === undefined ? incoming : decodeChunks(incoming, decoder.open),
    lengthBytes,
    algorithms,
    checksum,
    verify: (digests) => {
      for (const expectation of expectations) requireDigest(digests, expectation);
      const value = decoder?.open.trailers.get(
        trailer === undefined ? '' : checksumHeader(trailer),
      );
      if (trailer !== undefined) requireDigest(digests, trailerExpectation(trailer, value ?? ''));
    },
  };
}

/** The file of a form: what its fields say of it has to be true. */
export function openFormBody(
  header: (name: string) => string | undefined,
  chunks: AsyncIterable<Uint8Array>,
): ByteSource {
  const names = ['content-md5', ...CHECKSUM_ALGORITHMS.map(checksumHeader)];
  const given = names.flatMap((name) => {
    const value = header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const headers: IncomingHttpHeaders = Object.fromEntries(given);
  const expectations = headerExpectations(headers);
  const checksum = chooseChecksum(headers, undefined);
  return {
    chunks,
    lengthBytes: undefined,
    algorithms: expectations.map((expectation) => expectation.algorithm),
    checksum,
    verify: (digests) => {
      for (const expectation of expectations) requireDigest(digests, expectation);
    },
  };
}

function withoutChecksums(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const entries = Object.entries(headers);
  return Object.fromEntries(entries.filter(([name]) => !name.startsWith('x-amz-checksum-')));
}

async function* decodeChunks(
  incoming: AsyncIterable<Uint8Array>,
  decoder: AwsChunkedDecoder,
): AsyncGenerator<Uint8Array> {
  for await (const piece of incoming) {
    try {
      for (const bytes of decoder.push(piece)) yield bytes;
    } finally {
      giveBack(piece);
    }
  }
  decoder.end();
}

function requireDigest(digests: Digests, expectation: Expectation): void {
  const { algorithm, expected, mismatch } = expectation;
  if (!digests.get(algorithm).equals(expected)) throw mismatch();
}

interface ChosenDecoder {
  open: AwsChunkedDecoder;
  trailers: readonly string[];
  decodedLength: number;
}

const DECODED_LENGTH = 'x-amz-decoded-content-length';

function chooseDecoder(
  payload: SignedPayload,
  headers: IncomingHttpHeaders,
): ChosenDecoder | undefined {
  const announced = headers[DECODED_LENGTH];
  if (payload.kind === 'sha256' || payload.kind === 'hash-body') return undefined;
  // The Java SDK sends a chunked body under UNSIGNED-PAYLOAD and says so only by the decoded length.
  if (payload.kind === 'unsigned' && announced === undefined) return undefined;
  if (announced === undefined) throw missingLength(DECODED_LENGTH);
  const decodedLength = parseLength(String(announced), DECODED_LENGTH);
  const trailers = 'trailers' in payload ? payload.trailers : plainTrailers(payload, headers);
  const chain = 'chain' in payload ? { chain: payload.chain } : {};
  const open = new AwsChunkedDecoder({ ...chain, trailers, decodedLength });
  return { open, trailers, decodedLength };
}

function plainTrailers(payload: SignedPayload, headers: IncomingHttpHeaders): readonly string[] {
  const named = payload.kind === 'unsigned' ? headers['x-amz-trailer'] : undefined;
  return named === undefined ? [] : [String(named).trim().toLowerCase()];
}

function trailerAlgorithm(trailers: readonly string[]): ChecksumAlgorithm | undefined {
  const known = CHECKSUM_ALGORITHMS.filter((name) => trailers.includes(checksumHeader(name)));
  if (known.length === trailers.length && known.length < 2) return known[0];
  throw invalidChecksum('The value specified in the x-amz-trailer header is not supported.');
}

function trailerExpectation(algorithm: ChecksumAlgorithm, value: string): Expectation {
  const expected = parseDigest(algorithm, value);
  if (expected === undefined) {
    throw invalidChecksum(`Value for ${checksumHeader(algorithm)} trailing header is invalid.`);
  }
  return { algorithm, expected, mismatch: () => digestMismatch(algorithm.toUpperCase()) };
}

function payloadExpectation(payload: SignedPayload): Expectation[] {
  if (payload.kind !== 'sha256') return [];
  const mismatch = () =>
    new ServiceError({
      kind: 'digest-mismatch',
      resource: 'signature',
      message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
    });
  return [{ algorithm: 'sha256', expected: Buffer.from(payload.sha256, 'hex'), mismatch }];
}

function headerExpectations(headers: IncomingHttpHeaders): Expectation[] {
  const md5 = headers['content-md5'];
  const fromMd5 = md5 === undefined ? [] : [md5Expectation(String(md5))];
  const given = CHECKSUM_ALGORITHMS.filter((name) => headers[checksumHeader(name)] !== undefined);
  if (given.length > 1) {
    throw invalidChecksum(
      'Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.',
    );
  }
  return [...fromMd5, ...given.map((name) => checksumExpectation(headers, name))];
}

function md5Expectation(text: string): Expectation {
  const expected = parseDigest('md5', text);
  if (expected !== undefined) {
    return { algorithm: 'md5', expected, mismatch: () => digestMismatch('Content-MD5') };
  }
  throw new ServiceError({
    kind: 'malformed-id',
    resource: 'checksum',
    message: 'The Content-MD5 you specified is not valid.',
  });
}

function checksumExpectation(headers: IncomingHttpHeaders, name: ChecksumAlgorithm): Expectation {
  const expected = parseDigest(name, String(headers[checksumHeader(name)]));
  if (expected === undefined) {
    throw invalidChecksum(`Value for ${checksumHeader(name)} header is invalid.`);
  }
  return { algorithm: name, expected, mismatch: () => digestMismatch(name.toUpperCase()) };
}

/** The checksum to keep: announced in a header or in the trailer. */
function chooseChecksum(
  headers: IncomingHttpHeaders,
  trailer: ChecksumAlgorithm | undefined,
): ChecksumAlgorithm | undefined {
  const inHeader = CHECKSUM_ALGORITHMS.find((name) => headers[checksumHeader(name)] !== undefined);
  if (inHeader !== undefined && trailer !== undefined) {
    throw invalidChecksum('A checksum comes in a header or in the trailer, not in both.');
  }
  const checksum = inHeader ?? trailer;
  const named = headers['x-amz-sdk-checksum-algorithm'];
  if (named !== undefined && findAlgorithm(String(named)) !== checksum) {
    throw invalidChecksum(
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  return checksum;
}

function rawLength(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['content-length'];
  return text === undefined ? undefined : parseLength(text, 'Content-Length');
}

function parseLength(text: string, name: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'content-length',
    message: `The value of ${name} is not a number of bytes.`,
  });
}

function invalidChecksum(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-combination', resource: 'checksum', message });
}
