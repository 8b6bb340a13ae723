// Whatever bytes come, the parsers of requests answer or refuse, in bounded time; nothing else is thrown. A failure
// prints its seed and path: run it again with { seed, path } in OPTIONS.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import fc from 'fast-check';
import { cloudwatchModel } from './cloudwatch/model.ts';
import { parseCbor, renderCbor } from './document/cbor.ts';
import { decodeDocument } from './document/decode-document.ts';
import { ec2Model } from './ec2/model.ts';
import { parseXml as parseAnswer } from './query/parse-xml.ts';
import { decodeRequest, readRequestHead } from './query/request.ts';
import { AwsChunkedDecoder } from './s3/aws-chunked.ts';
import { parseCompleteMultipartUpload, parseCreateBucket, parseDelete } from './s3/requests.ts';
import { signRequest } from './sigv4/sign.ts';
import { verifyRequest } from './sigv4/verify.ts';

const MAX_MS = 3_000;
const OPTIONS = { numRuns: 2_000, interruptAfterTimeLimit: MAX_MS, seed: seedOfToday() };

/** Another one every day, so that the runs of a week see more than those of a day; the failure prints it. */
function seedOfToday(): number {
  return Math.floor(Date.now() / 86_400_000);
}

function refuses(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    assert.ok(isServiceError(error), String((error as Error).stack));
    assert.notEqual(error.kind, 'internal');
  }
}

/** Mostly well-formed, with the parts that parsers stumble over. */
const scrap = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '%',
    '%2',
    '%00',
    '%ff',
    '+',
    '&',
    '=',
    '.',
    '..',
    '<',
    '>',
    '&#',
    '&amp;',
    ']]>',
  ),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '\0',
    '\r\n',
    '\ud800',
    '💥',
    '1e9',
    '-1',
  ),
);
const soup = fc.array(scrap, { maxLength: 40 }).map((parts) => parts.join(''));

const KEY = { accessKeyId: 'AKIAFUZZ', secretAccessKey: 'secret' };
const principal = { accountId: '1', arn: 'arn', userId: '1', isRoot: true };
const NOW = Date.UTC(2026, 0, 1);

function verify(method: string, rawTarget: string, rawHeaders: string[]) {
  return verifyRequest({
    ...{ method, rawTarget, rawHeaders, region: 'r', nowMs: NOW },
    services: ['s3', 'ec2'],
    findAccessKey: async (id) => (id === KEY.accessKeyId ? { ...KEY, principal } : undefined),
  });
}

test('fuzz: no request without the secret passes the signature, whatever it claims', async () => {
  const header = fc.tuple(
    fc.constantFrom(
      'authorization',
      'x-amz-date',
      'host',
      'x-amz-content-sha256',
      'date',
      'x-amz-a',
    ),
    fc.oneof(
      soup,
      soup.map(
        (rest) => `AWS4-HMAC-SHA256 Credential=AKIAFUZZ/20260101/r/s3/aws4_request, ${rest}`,
      ),
      fc.constantFrom('20260101T000000Z', 'UNSIGNED-PAYLOAD', '0'.repeat(64)),
    ),
  );
  const target = soup.map((text) => `/${text}`);
  const property = fc.asyncProperty(
    target,
    fc.array(header, { maxLength: 6 }),
    async (path, headers) => {
      await assert.rejects(verify('GET', path, headers.flat()), (error) => isServiceError(error));
    },
  );
  await fc.assert(property, OPTIONS);
});

test('fuzz: what is signed is verified, and with one bit changed it is not', async () => {
  const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  const inputs = fc.tuple(
    fc.array(part, { maxLength: 4 }),
    fc.array(fc.tuple(part, part), { maxLength: 4 }),
    fc.nat(),
  );
  const property = fc.asyncProperty(inputs, async ([path, query, at]) => {
    const search = query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
    const url = new URL(`http://h/b/${path.map(encodeURIComponent).join('/')}?${search}`);
    const identity = { service: 's3', region: 'r', ...KEY, nowMs: NOW };
    const headers = signRequest({ ...identity, method: 'GET', url, headers: {}, body: '' });
    const raw = ['host', url.host, ...Object.entries(headers).flat()];
    const target = `${url.pathname}${url.search}`;
    assert.equal((await verify('GET', target, raw)).accessKeyId, KEY.accessKeyId);
    const spot = headers['authorization']!.length - 64 + (at % 64);
    const authorization = flip(headers['authorization']!, spot);
    const changed = ['host', url.host, ...Object.entries({ ...headers, authorization }).flat()];
    await assert.rejects(verify('GET', target, changed), { kind: 'not-authenticated' });
  });
  await fc.assert(property, OPTIONS);
});

function flip(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
}

test('fuzz: XML from clients is read or refused', () => {
  const tag = fc.constantFrom(
    'Delete',
    'Object',
    'Key',
    'Part',
    'ETag',
    'CreateBucketConfiguration',
    'a:b',
  );
  const node = fc.oneof(
    tag.map((name) => `<${name}>`),
    tag.map((name) => `</${name}>`),
    fc.constantFrom('<!DOCTYPE a>', '<![CDATA[', '<!--', '<?xml version="1.0"?>', '<a b="c"/>'),
    soup,
  );
  const documents = fc.array(node, { maxLength: 30 }).map((parts) => parts.join(''));
  const property = fc.property(documents, (text) => {
    for (const body of [text, `<Delete>${text}</Delete>`]) {
      const bytes = Buffer.from(body);
      refuses(() => parseDelete(bytes));
      refuses(() => parseCompleteMultipartUpload(bytes));
      refuses(() => parseCreateBucket(bytes));
    }
  });
  fc.assert(property, OPTIONS);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refuses(() => parseDelete(bytes))),
    OPTIONS,
  );
});

test('fuzz: query requests are decoded or refused, and reach no prototype', () => {
  const model = ec2Model();
  const key = fc.oneof(
    fc.constantFrom('Action', 'Version', 'InstanceId.1', 'Filter.1.Value.1', 'MinCount', 'DryRun'),
    fc.constantFrom(
      'TagSpecification.1.Tag.1.Key',
      'UserData',
      'BlockDeviceMapping.1.Ebs.VolumeSize',
    ),
    fc.constantFrom('__proto__.polluted', 'constructor.prototype.polluted', 'InstanceId.__proto__'),
    soup,
  );
  const value = fc.oneof(
    fc.constantFrom('RunInstances', 'DescribeInstances', 'CreateTags', 'true'),
    soup,
  );
  const pairs = fc.array(fc.tuple(key, value), { maxLength: 12 });
  const property = fc.property(
    pairs,
    fc.constantFrom('RunInstances', 'DescribeInstances'),
    (given, action) => {
      const form = [['Action', action], ...given].map((pair) => pair.join('=')).join('&');
      refuses(() => decodeRequest(model, readRequestHead(model, form)));
      assert.equal(Reflect.get({}, 'polluted'), undefined);
    },
  );
  fc.assert(property, OPTIONS);
});

test('fuzz: documents in JSON and CBOR are decoded or refused, and reach no prototype', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'Namespace',
      'MetricDataQueries',
      'Dimensions',
      'Id',
      'MetricStat',
      'StartTime',
    ),
    fc.constantFrom('__proto__', 'constructor', 'prototype', 'Period', 'EndTime', 'toString'),
    soup,
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 6 }, fc.jsonValue(), tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  }));
  const actions = fc.constantFrom(
    ...(['GetMetricData', 'GetMetricStatistics', 'ListMetrics', 'PutMetricData'] as const),
  );
  const property = fc.property(value, actions, (document, action) => {
    const { input } = cloudwatchModel().findOperation(action)!;
    refuses(() => decodeDocument(input, JSON.parse(JSON.stringify(document))));
    refuses(() => decodeDocument(input, parseCbor(renderCbor(document))));
    assert.equal(Reflect.get({}, 'Namespace'), undefined);
  });
  fc.assert(property, OPTIONS);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refuses(() => parseCbor(bytes))),
    OPTIONS,
  );
});

test('fuzz: aws-chunked bodies give what was put in, or are refused, however they are cut', () => {
  const bodies = fc.tuple(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 6 }),
    fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
  );
  const whole = fc.property(bodies, ([chunks, cuts]) => {
    const framed = Buffer.concat([
      ...chunks.flatMap((chunk) => [
        Buffer.from(`${chunk.length.toString(16)}\r\n`),
        chunk,
        Buffer.from('\r\n'),
      ]),
      Buffer.from('0\r\n\r\n'),
    ]);
    const plain = Buffer.concat(chunks);
    assert.deepEqual(decode(framed, plain.length, cuts), plain);
  });
  fc.assert(whole, OPTIONS);
  const line = fc.oneof(
    fc.constantFrom(
      '0\r\n',
      '1\r\na\r\n',
      '\r\n',
      'ffffffffffffff\r\n',
      '-1\r\n',
      '1;chunk-signature=\r\n',
      '\n',
    ),
    soup,
  );
  const any = fc.property(fc.array(line, { maxLength: 12 }), fc.nat(64), (lines, length) => {
    refuses(() => decode(Buffer.from(lines.join('')), length, [7].values()));
  });
  fc.assert(any, OPTIONS);
});

function decode(framed: Buffer, decodedLength: number, cuts: Iterator<number>): Buffer {
  const decoder = new AwsChunkedDecoder({ trailers: [], decodedLength });
  const out: Uint8Array[] = [];
  for (let at = 0; at < framed.length; ) {
    const size = cuts.next().value ?? framed.length;
    out.push(...decoder.push(framed.subarray(at, at + size)));
    at += size;
  }
  decoder.end();
  const bytes = Buffer.concat(out);
  assert.ok(bytes.length <= decodedLength);
  return bytes;
}

test('fuzz: answers of a server are read or refused by our own client', () => {
  const property = fc.property(soup, (text) => {
    try {
      parseAnswer(`<a>${text}</a>`);
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof RangeError), String(error));
    }
  });
  fc.assert(property, OPTIONS);
});
