import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { errorCode, KEYS, type RawRequest, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;

before(async () => {
  endpoint = await startEndpoint();
});
after(() => endpoint[Symbol.asyncDispose]());

async function must(request: RawRequest): Promise<Response> {
  const response = await endpoint.send(request);
  assert.ok(response.ok, `${request.method} ${request.path}: ${await response.clone().text()}`);
  return response;
}

/** A bucket of the owner with an object in it. */
async function makeBucket(name: string, headers: Record<string, string> = {}): Promise<string> {
  await must({ method: 'PUT', path: `/${name}`, headers });
  await must({ method: 'PUT', path: `/${name}/a/key`, body: 'content' });
  return name;
}

async function status(request: RawRequest): Promise<number> {
  return (await endpoint.send(request)).status;
}

function statement(bucket: string, more: object): object {
  return {
    Effect: 'Allow',
    Principal: '*',
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
    ...more,
  };
}

async function setPolicy(bucket: string, ...statements: object[]): Promise<Response> {
  const body = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  return await endpoint.send({ method: 'PUT', path: `/${bucket}?policy`, body });
}

const WITH_LISTS = { 'x-amz-object-ownership': 'ObjectWriter' };

test('a policy lets everybody read what it names, and nothing else', async () => {
  const bucket = await makeBucket('open-to-read');
  assert.equal(await status({ path: `/${bucket}/a/key`, key: null }), 403);
  await setPolicy(bucket, statement(bucket, { Action: 's3:GetObject' }));
  const got = await endpoint.send({ path: `/${bucket}/a/key`, key: null });
  assert.equal(await got.text(), 'content');
  assert.equal(await status({ path: `/${bucket}/a/key`, key: KEYS.other }), 200);
  for (const key of [null, KEYS.other]) {
    assert.equal(await status({ path: `/${bucket}`, key }), 403);
    assert.equal(await status({ path: `/${bucket}/a/key?acl`, key }), 403);
    assert.equal(await status({ method: 'PUT', path: `/${bucket}/a/key`, body: 'x', key }), 403);
    assert.equal(await status({ method: 'DELETE', path: `/${bucket}/a/key`, key }), 403);
    // Who may not list is not told what is missing.
    assert.equal(await status({ path: `/${bucket}/missing`, key }), 403);
  }
  assert.equal(await status({ path: `/${bucket}/missing` }), 404);
});

test('a denial wins over every allowance, and over the owner; the way back stays open', async () => {
  const bucket = await makeBucket('denied');
  await setPolicy(
    bucket,
    statement(bucket, { Action: 's3:*' }),
    statement(bucket, { Effect: 'Deny', Action: ['s3:Get*', 's3:PutBucketPolicy'] }),
  );
  for (const key of [null, KEYS.other, KEYS.owner]) {
    const response = await endpoint.send({ path: `/${bucket}/a/key`, key });
    assert.deepEqual([response.status, await errorCode(response)], [403, 'AccessDenied']);
  }
  await must({ method: 'DELETE', path: `/${bucket}?policy` });
  await must({ path: `/${bucket}/a/key` });
});

test('a user may do what the policy of its own account’s bucket gives it; one of another account may not', async () => {
  const bucket = await makeBucket('for-the-user');
  const Principal = { AWS: KEYS.user.principal.arn };
  await setPolicy(bucket, statement(bucket, { Action: 's3:GetObject', Principal }));
  assert.equal(await status({ path: `/${bucket}/a/key`, key: KEYS.user }), 200);
  assert.equal(await status({ path: `/${bucket}/a/key`, key: KEYS.other }), 403);
  // The account as a whole leaves its users to its own policies.
  await setPolicy(
    bucket,
    statement(bucket, { Action: 's3:GetObject', Principal: { AWS: '000000000001' } }),
  );
  assert.equal(await status({ path: `/${bucket}/a/key`, key: KEYS.user }), 403);
});

test('conditions look at the request, and at the tags of what is there', async () => {
  const bucket = await makeBucket('conditions');
  await must({
    method: 'PUT',
    path: `/${bucket}/tagged`,
    body: 't',
    headers: { 'x-amz-tagging': 'level=open' },
  });
  await setPolicy(
    bucket,
    statement(bucket, {
      Action: 's3:GetObject',
      Condition: { StringEquals: { 's3:ExistingObjectTag/level': 'open' } },
    }),
    statement(bucket, {
      Action: 's3:ListBucket',
      Condition: {
        StringLike: { 's3:prefix': 'a/*' },
        IpAddress: { 'aws:SourceIp': '127.0.0.0/8' },
      },
    }),
  );
  assert.equal(await status({ path: `/${bucket}/tagged`, key: null }), 200);
  assert.equal(await status({ path: `/${bucket}/a/key`, key: null }), 403);
  assert.equal(await status({ path: `/${bucket}?prefix=a/`, key: null }), 200);
  assert.equal(await status({ path: `/${bucket}?prefix=b/`, key: null }), 403);
  assert.equal(await status({ path: `/${bucket}/a/missing`, key: null }), 404);
  assert.equal(await status({ path: `/${bucket}/b/missing`, key: null }), 403);
});

test('a policy that would not have the effect that it says is refused', async () => {
  const bucket = await makeBucket('strict');
  const wrong: object[] = [
    { Action: 'ec2:*' },
    { Resource: 'arn:aws:s3:::another/*', Action: 's3:*' },
    { Principal: { Service: 'logs.example' }, Action: 's3:*' },
    { Action: 's3:*', Condition: { Sounds: { 's3:prefix': 'a' } } },
    { Action: 's3:*', Condition: { StringEquals: { 's3:Unheard': 'a' } } },
    { Action: 's3:*', Extra: 1 },
    { Effect: 'Perhaps', Action: 's3:*' },
  ];
  for (const more of wrong) {
    const response = await setPolicy(bucket, statement(bucket, more));
    const name = JSON.stringify(more);
    assert.deepEqual([response.status, await errorCode(response)], [400, 'MalformedPolicy'], name);
  }
});

test('canned lists and grants open a bucket and its objects, each for itself', async () => {
  const bucket = await makeBucket('lists', WITH_LISTS);
  const list = { path: `/${bucket}`, key: null };
  const get = { path: `/${bucket}/a/key`, key: null };
  assert.deepEqual([await status(list), await status(get)], [403, 403]);
  await must({ method: 'PUT', path: `/${bucket}?acl`, headers: { 'x-amz-acl': 'public-read' } });
  assert.deepEqual([await status(list), await status(get)], [200, 403]);
  await must({
    method: 'PUT',
    path: `/${bucket}/a/key?acl`,
    headers: { 'x-amz-acl': 'public-read' },
  });
  assert.equal(await status(get), 200);
  const grant = { 'x-amz-grant-read': `id="${KEYS.other.principal.accountId}"` };
  await must({ method: 'PUT', path: `/${bucket}/a/key?acl`, headers: grant });
  assert.equal(await status(get), 403);
  assert.equal(await status({ ...get, key: KEYS.other }), 200);
  const document = await (await must({ path: `/${bucket}/a/key?acl` })).text();
  assert.match(document, /<ID>000000000002<\/ID>.*<Permission>READ<\/Permission>/s);
  const bad = { 'x-amz-grant-read': 'emailAddress="a@b.example"' };
  const refused = await endpoint.send({ method: 'PUT', path: `/${bucket}?acl`, headers: bad });
  assert.equal(await errorCode(refused), 'UnresolvableGrantByEmailAddress');
});

test('what another account writes is its own, unless it gives it up or the bucket’s owner owns all', async () => {
  const bucket = await makeBucket('writers', WITH_LISTS);
  await must({
    method: 'PUT',
    path: `/${bucket}?acl`,
    headers: { 'x-amz-acl': 'public-read-write' },
  });
  const key = KEYS.other;
  await must({ method: 'PUT', path: `/${bucket}/theirs`, body: 'x', key });
  assert.equal(await status({ path: `/${bucket}/theirs` }), 403);
  assert.equal(await status({ path: `/${bucket}/theirs`, key }), 200);
  const headers = { 'x-amz-acl': 'bucket-owner-full-control' };
  await must({ method: 'PUT', path: `/${bucket}/given`, body: 'x', key, headers });
  assert.equal(await status({ path: `/${bucket}/given` }), 200);
  const rule =
    '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>';
  await must({ method: 'PUT', path: `/${bucket}?ownershipControls`, body: rule });
  await must({ method: 'PUT', path: `/${bucket}/given`, body: 'x', key, headers });
  assert.match(
    await (await must({ path: `/${bucket}/given?acl` })).text(),
    /<Owner><ID>000000000001</,
  );
});

test('the public access block keeps public lists and policies out, or without effect', async () => {
  const bucket = await makeBucket('blocked', WITH_LISTS);
  await must({
    method: 'PUT',
    path: `/${bucket}/a/key?acl`,
    headers: { 'x-amz-acl': 'public-read' },
  });
  await setPolicy(bucket, statement(bucket, { Action: 's3:ListBucket' }));
  const block = (names: string[]) =>
    must({
      method: 'PUT',
      path: `/${bucket}?publicAccessBlock`,
      body: `<PublicAccessBlockConfiguration>${names.map((n) => `<${n}>true</${n}>`).join('')}</PublicAccessBlockConfiguration>`,
    });
  await block(['IgnorePublicAcls']);
  assert.equal(await status({ path: `/${bucket}/a/key`, key: null }), 403);
  assert.equal(await status({ path: `/${bucket}`, key: null }), 200);
  await block(['RestrictPublicBuckets']);
  assert.equal(await status({ path: `/${bucket}/a/key`, key: null }), 200);
  for (const key of [null, KEYS.other])
    assert.equal(await status({ path: `/${bucket}`, key }), 403);
  await block(['BlockPublicAcls', 'BlockPublicPolicy']);
  const open = { 'x-amz-acl': 'public-read' };
  assert.equal(await status({ method: 'PUT', path: `/${bucket}?acl`, headers: open }), 403);
  const put = { method: 'PUT', path: `/${bucket}/new`, body: 'x', headers: open };
  assert.equal(await status(put), 403);
  const refused = await setPolicy(bucket, statement(bucket, { Action: 's3:GetObject' }));
  assert.equal(refused.status, 403);
  const shown = await (await must({ path: `/${bucket}?policyStatus` })).text();
  assert.match(shown, /<IsPublic>true<\/IsPublic>/);
});

test('many keys are removed each by its own right', async () => {
  const bucket = await makeBucket('partly');
  await must({ method: 'PUT', path: `/${bucket}/free/1`, body: 'x' });
  await setPolicy(bucket, {
    ...statement(bucket, { Action: 's3:DeleteObject' }),
    Resource: `arn:aws:s3:::${bucket}/free/*`,
  });
  const body =
    '<Delete><Object><Key>free/1</Key></Object><Object><Key>a/key</Key></Object></Delete>';
  const path = `/${bucket}?delete`;
  const answer = await (await must({ method: 'POST', path, body, key: KEYS.other })).text();
  assert.match(answer, /<Deleted><Key>free\/1<\/Key>/);
  assert.match(answer, /<Error><Key>a\/key<\/Key><Code>AccessDenied<\/Code>/);
  await must({ path: `/${bucket}/a/key` });
});

test('nobody reads through a copy what they may not read', async () => {
  const bucket = await makeBucket('source');
  const target = 'of-the-other';
  await must({ method: 'PUT', path: `/${target}`, key: KEYS.other });
  const headers = { 'x-amz-copy-source': `/${bucket}/a/key` };
  const copy = { method: 'PUT', path: `/${target}/copy`, headers, key: KEYS.other };
  assert.equal(await status(copy), 403);
  await setPolicy(bucket, statement(bucket, { Action: 's3:GetObject' }));
  assert.equal(await status(copy), 200);
});

test('who may delete nothing is told so, whatever the body is', async () => {
  const bucket = await makeBucket('no-deletes');
  const request = { method: 'POST', path: `/${bucket}?delete`, body: 'no xml' } as const;
  await setPolicy(bucket, statement(bucket, { Action: 's3:GetObject' }));
  for (const key of [null, KEYS.other]) {
    const response = await endpoint.send({ ...request, key });
    assert.deepEqual([response.status, await errorCode(response)], [403, 'AccessDenied']);
  }
  const own = await endpoint.send(request);
  assert.deepEqual([own.status, await errorCode(own)], [400, 'MalformedXML']);
  await setPolicy(bucket, statement(bucket, { Action: 's3:DeleteObject' }));
  const allowed = await endpoint.send({ ...request, key: null });
  assert.deepEqual([allowed.status, await errorCode(allowed)], [400, 'MalformedXML']);
});
