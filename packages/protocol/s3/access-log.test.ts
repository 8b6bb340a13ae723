import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessLogOperation, renderAccessLogLine, renderLogKey } from './access-log.ts';
import { parseBucketLogging, renderBucketLogging } from './bucket-logging.ts';

const ENTRY = {
  ...{ bucketOwner: '000000000001', bucket: 'b', timeMs: Date.UTC(2019, 1, 6, 0, 0, 38) },
  ...{ remoteIp: '192.0.2.3', requester: undefined, requestId: '3E57427F3EXAMPLE' },
  ...{ operation: 'REST.GET.OBJECT', key: 'a b/ü', requestUri: 'GET /b/a%20b HTTP/1.1' },
  ...{ status: 200, errorCode: undefined, bytesSent: 0, objectBytes: 12, totalMs: 7.4 },
  ...{ turnAroundMs: 6.6, referer: undefined, userAgent: 'x" y\n200', versionId: undefined },
  ...{ hostId: 'host', signatureVersion: undefined, authentication: undefined },
  hostHeader: 'h:1',
};

test('a line has 26 fields in their order, and nothing that somebody sent adds one', () => {
  assert.equal(
    renderAccessLogLine(ENTRY),
    '000000000001 b [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT a%20b/%C3%BC ' +
      '"GET /b/a%20b HTTP/1.1" 200 - - 12 7 7 - "x%22 y%0A200" - host - - - h:1 - - -',
  );
});

const KEY = {
  ...{ prefix: 'p/', accountId: '000000000001', region: 'local', bucket: 'b', unique: 'U' },
  deliveredMs: Date.UTC(2024, 0, 2, 3, 4, 5),
  eventMs: Date.UTC(2024, 0, 1, 23, 59, 59),
};

for (const [format, expected] of [
  ['simple', 'p/2024-01-02-03-04-05-U'],
  ['partitioned-by-delivery', 'p/000000000001/local/b/2024/01/02/2024-01-02-03-04-05-U'],
  ['partitioned-by-event', 'p/000000000001/local/b/2024/01/01/2024-01-01-00-00-00-U'],
] as const) {
  test(`a key that is ${format}, and its XML`, () => {
    assert.equal(renderLogKey({ ...KEY, format }), expected);
    const logging = { targetBucket: 't', targetPrefix: 'p/', keyFormat: format };
    assert.deepEqual(parseBucketLogging(Buffer.from(renderBucketLogging(logging))), logging);
  });
}

for (const [method, operation, query, expected] of [
  ['GET', 'GetObject', '', 'REST.GET.OBJECT'],
  ['PUT', 'UploadPart', 'partNumber=1&uploadId=x', 'REST.PUT.PART'],
  ['PUT', 'CopyObject', '', 'REST.COPY.OBJECT'],
  ['GET', 'GetObjectTagging', 'tagging', 'REST.GET.OBJECT_TAGGING'],
  ['PUT', 'PutObjectAcl', 'acl', 'REST.PUT.ACL'],
  ['OPTIONS', undefined, '', 'REST.OPTIONS.PREFLIGHT'],
  ['DELETE', undefined, '', 'REST.DELETE.OBJECT'],
] as const) {
  test(`${operation ?? method} is ${expected} in the log`, () => {
    const map = new Map(new URLSearchParams(query));
    assert.equal(accessLogOperation({ method, operation, isObject: true, query: map }), expected);
  });
}

for (const [name, inner] of [
  ['no target', '<TargetPrefix/>'],
  ['no prefix', '<TargetBucket>t</TargetBucket>'],
  [
    'a prefix that leaves no room',
    `<TargetBucket>t</TargetBucket><TargetPrefix>${'p'.repeat(801)}</TargetPrefix>`,
  ],
  [
    'two formats',
    '<TargetBucket>t</TargetBucket><TargetPrefix/><TargetObjectKeyFormat><SimplePrefix/><PartitionedPrefix/></TargetObjectKeyFormat>',
  ],
] as const) {
  test(`refused: ${name}`, () => {
    const xml = `<BucketLoggingStatus><LoggingEnabled>${inner}</LoggingEnabled></BucketLoggingStatus>`;
    assert.throws(() => parseBucketLogging(Buffer.from(xml)), { resource: 'xml' });
  });
}
