import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { verifyRequestV2 } from './verify.ts';

/** The examples of AWS, "Signing and authenticating REST requests (AWS signature version 2)". */
const KEY = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const NOW_MS = Date.parse('Tue, 27 Mar 2007 19:40:00 +0000');
const principal = { accountId: '1', arn: 'a', userId: 'u', isRoot: true };

interface Example {
  method?: string;
  target: string;
  headers: Record<string, string>;
  nowMs?: number;
  hostBucket?: string;
}

async function verify({ method = 'GET', target, headers, ...rest }: Example): Promise<string> {
  try {
    const { accessKeyId } = await verifyRequestV2({
      ...{ method, rawTarget: target, services: ['s3'], region: 'r', nowMs: NOW_MS },
      rawHeaders: Object.entries(headers).flat(),
      findAccessKey: async (id) =>
        id === KEY ? { accessKeyId: KEY, secretAccessKey: SECRET, principal } : undefined,
      ...rest,
    });
    return accessKeyId;
  } catch (error) {
    if (isServiceError(error)) return `${error.kind}/${error.resource}`;
    throw error;
  }
}

const GET: Example = {
  target: '/photos/puppy.jpg',
  hostBucket: 'johnsmith',
  headers: {
    Date: 'Tue, 27 Mar 2007 19:36:42 +0000',
    Authorization: `AWS ${KEY}:bWq2s1WEIj+Ydj0vQ697zp+IXMU=`,
  },
};
const PUT: Example = {
  method: 'PUT',
  target: '/photos/puppy.jpg',
  hostBucket: 'johnsmith',
  headers: {
    'Content-Type': 'image/jpeg',
    'Content-Length': '94328',
    Date: 'Tue, 27 Mar 2007 21:15:45 +0000',
    Authorization: `AWS ${KEY}:MyyxeRY7whkBe+bq8fHCL/2kKUg=`,
  },
  nowMs: Date.parse('Tue, 27 Mar 2007 21:15:45 +0000'),
};
const LIST: Example = {
  target: '/?prefix=photos&max-keys=50&marker=puppy',
  hostBucket: 'johnsmith',
  headers: {
    Date: 'Tue, 27 Mar 2007 19:42:41 +0000',
    Authorization: `AWS ${KEY}:htDYFYduRNen8P9ZfE/s9SuKy0U=`,
  },
};
const ACL: Example = {
  target: '/?acl',
  hostBucket: 'johnsmith',
  headers: {
    Date: 'Tue, 27 Mar 2007 19:44:46 +0000',
    Authorization: `AWS ${KEY}:c2WLPFtWHVgbEmeEG93a4cG37dM=`,
  },
};

test('AWS’s own examples are verified', async () => {
  for (const example of [GET, PUT, LIST, ACL]) assert.equal(await verify(example), KEY);
});

test('what differs from what was signed is refused', async () => {
  const refused = 'not-authenticated/signature';
  assert.equal(await verify({ ...GET, target: '/photos/other.jpg' }), refused);
  assert.equal(await verify({ ...GET, method: 'DELETE' }), refused);
  assert.equal(await verify({ ...GET, hostBucket: 'another' }), refused);
  assert.equal(await verify({ ...GET, target: '/photos/puppy.jpg?acl' }), refused);
  const headers = { ...GET.headers, 'x-amz-copy-source': '/b/k' };
  assert.equal(await verify({ ...GET, headers }), refused);
});

test('a time that is none, too far off, or over is refused', async () => {
  const late = { ...GET, nowMs: NOW_MS + 3_600_000 };
  assert.equal(await verify(late), 'not-authenticated/request-time');
  const { Date: _, ...undated } = GET.headers;
  assert.equal(await verify({ ...GET, headers: undated }), 'not-authorized/request-time');
  const target = `/k?AWSAccessKeyId=${KEY}&Signature=x&Expires=1`;
  assert.equal(await verify({ target, headers: {} }), 'not-authorized/request-time');
});

test('an unknown key and a claim that is none are refused', async () => {
  const unknown = { ...GET.headers, Authorization: 'AWS AKIAUNKNOWN:AAAA' };
  assert.equal(await verify({ ...GET, headers: unknown }), 'not-authenticated/access-key');
  const none = { ...GET.headers, Authorization: 'AWS HAHAHA' };
  assert.equal(await verify({ ...GET, headers: none }), 'invalid-parameter/signature');
});
