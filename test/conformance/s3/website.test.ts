import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketWebsiteCommand,
  GetBucketWebsiteCommand,
  PutBucketCorsCommand,
  PutBucketPolicyCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  type WebsiteConfiguration,
} from '@aws-sdk/client-s3';
import { errorCode, KEYS, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let client: ReturnType<S3Endpoint['client']>;
const Bucket = 'pages';
const HOST = 'pages.s3-website.localhost';

/** All may read all but what is private. */
const Policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:GetObject',
      NotResource: 'arn:aws:s3:::pages/private*',
    },
    {
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:ListBucket',
      Resource: 'arn:aws:s3:::pages',
      Condition: { StringNotLike: { 's3:prefix': 'hidden*' } },
    },
  ],
});

before(async () => {
  endpoint = await startEndpoint();
  client = endpoint.client();
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  const put = (Key: string, more: object = {}) =>
    client.send(
      new PutObjectCommand({ Bucket, Key, Body: `<p>${Key}`, ContentType: 'text/html', ...more }),
    );
  for (const key of ['index.html', 'docs/index.html', 'error.html', 'a b.html', 'private.html'])
    await put(key);
  await put('moved', { WebsiteRedirectLocation: '/a%20b.html' });
});
after(() => endpoint[Symbol.asyncDispose]());

function set(WebsiteConfiguration: WebsiteConfiguration) {
  return client.send(new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration }));
}

async function visit(
  path: string,
  options: { method?: string; host?: string } & Record<string, string> = {},
) {
  const { method = 'GET', host = HOST, ...others } = options;
  const { port } = new URL(endpoint.url);
  const headers = { host, ...others };
  const { promise, resolve, reject } = Promise.withResolvers<[number, string, string]>();
  const call = request({ host: '127.0.0.1', port, path, method, headers }, async (response) => {
    resolve([response.statusCode!, await text(response), response.headers.location ?? '']);
  });
  call.on('error', reject).end();
  return await promise;
}

const PLAIN = { IndexDocument: { Suffix: 'index.html' } };

test('a website is kept as it was set, for those who may, until it is taken away', async () => {
  const full: WebsiteConfiguration = {
    ...PLAIN,
    ErrorDocument: { Key: 'error.html' },
    RoutingRules: [
      {
        Condition: { KeyPrefixEquals: 'old/', HttpErrorCodeReturnedEquals: '404' },
        Redirect: {
          HostName: 'h',
          Protocol: 'https',
          ReplaceKeyPrefixWith: 'new/',
          HttpRedirectCode: '302',
        },
      },
    ],
  };
  await set(full);
  const get = new GetBucketWebsiteCommand({ Bucket });
  const { $metadata: _, ...kept } = await client.send(get);
  assert.deepEqual(kept, full);
  for (const method of ['GET', 'PUT', 'DELETE']) {
    for (const key of [KEYS.user, KEYS.other, null]) {
      const answer = await endpoint.send({ method, path: '/pages?website', key });
      assert.equal(await errorCode(answer), 'AccessDenied', method);
    }
  }
  await client.send(new DeleteBucketWebsiteCommand({ Bucket }));
  await assert.rejects(client.send(get), { name: 'NoSuchWebsiteConfiguration' });
});

const BAD: readonly [string, WebsiteConfiguration, string][] = [
  ['no index', {}, 'InvalidArgument'],
  ['an index in a folder', { IndexDocument: { Suffix: 'a/b' } }, 'InvalidArgument'],
  [
    'two replacements',
    { ...PLAIN, RoutingRules: [{ Redirect: { ReplaceKeyWith: 'a', ReplaceKeyPrefixWith: 'b' } }] },
    'InvalidArgument',
  ],
  ['a redirect that says nothing', { ...PLAIN, RoutingRules: [{ Redirect: {} }] }, 'MalformedXML'],
  [
    'a code that is none',
    { ...PLAIN, RoutingRules: [{ Redirect: { HttpRedirectCode: '404' } }] },
    'InvalidArgument',
  ],
  [
    'a host that ends a header',
    { RedirectAllRequestsTo: { HostName: 'a\r\nb' } },
    'InvalidArgument',
  ],
];

for (const [name, configuration, code] of BAD) {
  test(`a website is refused with ${name}`, async () => {
    await assert.rejects(set(configuration), { name: code });
  });
}

test('pages are given to everybody: indexes of folders, ranges, redirections of objects', async () => {
  await set(PLAIN);
  assert.deepEqual(await visit('/'), [200, '<p>index.html', '']);
  assert.deepEqual(await visit('/docs/'), [200, '<p>docs/index.html', '']);
  assert.deepEqual(await visit('/docs'), [302, '', '/docs/']);
  assert.deepEqual(await visit('/a%20b.html?acl'), [200, '<p>a b.html', '']);
  assert.deepEqual(await visit('/index.html', { range: 'bytes=1-3' }), [206, 'p>i', '']);
  assert.deepEqual(await visit('/index.html', { method: 'HEAD' }), [200, '', '']);
  assert.deepEqual(await visit('/moved'), [301, '', '/a%20b.html']);
  assert.equal((await visit('/', { host: 'pages.s3-website-local.localhost:80' }))[0], 200);
});

test('what is not there, or not for everybody, is a page that says so and no XML', async () => {
  await set(PLAIN);
  const [status, page] = await visit('/%3Cb%3E');
  assert.equal(status, 404);
  assert.match(page, /^<html>.*<li>Code: NoSuchKey<\/li>/s);
  assert.ok(!page.includes('<b>'));
  for (const [path, options, expected] of [
    ['/private.html', {}, 403],
    ['/hidden.html', {}, 403],
    ['/', { host: 'nobodys.s3-website.localhost' }, 404],
    ['/', { method: 'PUT' }, 405],
    ['/index.html', { range: 'bytes=99-' }, 416],
  ] as const) {
    const [found, text] = await visit(path, options);
    assert.equal(found, expected, path);
    assert.match(text, /^<html>/);
  }
});

test('the error page has the status of the error, and is ours where it is missing', async () => {
  await set({ ...PLAIN, ErrorDocument: { Key: 'error.html' } });
  assert.deepEqual(await visit('/missing', { range: 'bytes=0-1' }), [404, '<p>error.html', '']);
  assert.deepEqual(await visit('/private.html'), [403, '<p>error.html', '']);
  assert.deepEqual(await visit('/missing', { method: 'HEAD' }), [404, '', '']);
  await set({ ...PLAIN, ErrorDocument: { Key: 'none.html' } });
  assert.match((await visit('/missing'))[1], /NoSuchKey/);
});

test('rules send visitors elsewhere, by prefix at once and by error afterwards', async () => {
  await set({
    ...PLAIN,
    RoutingRules: [
      { Condition: { KeyPrefixEquals: 'docs/' }, Redirect: { ReplaceKeyPrefixWith: 'a b/' } },
      {
        Condition: { HttpErrorCodeReturnedEquals: '404' },
        Redirect: { HostName: 'other', ReplaceKeyWith: 'gone', HttpRedirectCode: '307' },
      },
    ],
  });
  assert.deepEqual(await visit('/docs/x?y'), [301, '', `http://${HOST}/a%20b/x`]);
  assert.deepEqual(await visit('/missing'), [307, '', 'http://other/gone']);
  assert.equal((await visit('/index.html'))[0], 200);
  assert.equal((await visit('/private.html'))[0], 403);
  await set({ RedirectAllRequestsTo: { HostName: 'example.com', Protocol: 'https' } });
  assert.deepEqual(await visit('/any/thing'), [301, '', 'https://example.com/any/thing']);
});

test('a browser is told of the rules for other origins under the host of the website', async () => {
  await set(PLAIN);
  const asked = { origin: 'https://a.example', 'access-control-request-method': 'GET' };
  const CORSRules = [{ AllowedOrigins: [asked.origin], AllowedMethods: ['GET'] }];
  await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
  assert.equal((await visit('/index.html', { method: 'OPTIONS', ...asked }))[0], 200);
  const other = await visit('/', { method: 'OPTIONS', ...asked, origin: 'https://b.example' });
  assert.equal(other[0], 403);
});
