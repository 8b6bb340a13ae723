import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Clock } from '@ironbark/platform/clock.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type {
  InstanceIntent,
  MetadataIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import { limitHops } from '../host/hop-limit.ts';
import { instanceIntent, metadataIntent } from '../testing/instance-intent.ts';
import type { GuestVolumeDesk } from './guest-volume-answers.ts';
import { type MetadataServiceOptions, startMetadataService } from './metadata-service.ts';

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

type Ask = (
  path: string,
  options?: { method?: string; headers?: Record<string, string> },
) => Promise<Reply>;

function asker(port: number): Ask {
  return (path, { method = 'GET', headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('latin1');
          resolve({ status: response.statusCode!, headers: response.headers, text });
        });
      });
      sent.on('error', reject);
      sent.end();
    });
}

async function withService(
  changes: Partial<MetadataServiceOptions> & { instance?: InstanceIntent },
  body: (ask: Ask, port: number) => Promise<void>,
): Promise<void> {
  const { instance = instanceIntent(), ...rest } = changes;
  await using service = await startMetadataService({
    host: '127.0.0.1',
    port: 0,
    findInstanceByAddress: (address) => (address === '127.0.0.1' ? instance : undefined),
    limitHops,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    onRead: () => {},
    ...rest,
  });
  await body(asker(service.port), service.port);
}

const withMetadata = (changes: Partial<MetadataIntent>) => ({
  instance: instanceIntent({ metadata: metadataIntent(changes) }),
});
const withOptions = (changes: Partial<MetadataIntent['options']>) =>
  withMetadata({ options: { ...metadataIntent().options, ...changes } });

/** A list that changes when somebody says so. */
function deskOf(first: string) {
  let text = first;
  const waiting = new Set<() => void>();
  const heard: string[] = [];
  const desk: GuestVolumeDesk = {
    render: () => ({ tag: text, text: `list ${text}\n` }),
    hear: (_instance, id, word) => {
      heard.push(`${id} ${word}`);
      return word === 'attached';
    },
    untilChange: (signal) =>
      new Promise((resolve) => {
        waiting.add(resolve);
        signal.addEventListener('abort', () => resolve());
      }),
  };
  const change = (next: string) => {
    text = next;
    for (const wake of waiting) wake();
  };
  return { desk, heard, waiting, change };
}

const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';
const TOKEN = 'x-aws-ec2-metadata-token';

async function getToken(ask: Ask, ttl = '60'): Promise<string> {
  const reply = await ask('/latest/api/token', { method: 'PUT', headers: { [TTL]: ttl } });
  assert.equal(reply.status, 200);
  assert.equal(reply.headers[TTL], ttl);
  return reply.text;
}

test('every leaf that a crawler finds can be read, under each version that cloud-init tries', async () => {
  const volume = {
    volumeId: 'vol-0123456789abcdef0' as const,
    deviceName: '/dev/sdf',
    sizeBytes: 1 << 30,
    source: { kind: 'nbd-unix' as const, socketPath: '/s', exportName: 'v' },
    profile: instanceIntent().rootDisk.profile,
  };
  // One whose root disk is a volume too, which is none of the others.
  const rootId = 'vol-0123456789abcdef9' as const;
  const root = { ...volume, volumeId: rootId, deviceName: '/dev/sda1' };
  const instance = instanceIntent({
    volumes: [root, volume],
    rootDisk: { ...instanceIntent().rootDisk, volumeId: rootId },
  });
  await withService({ instance }, async (ask) => {
    const versions = (await ask('/')).text.split('\n');
    for (const version of ['2009-04-04', '2016-09-02', '2018-09-24', '2021-03-23', 'latest']) {
      assert.ok(versions.includes(version));
      const found = await crawl(ask, `/${version}/meta-data/`);
      assert.equal(found.get('instance-id'), 'i-0123456789abcdef0');
      assert.equal(found.get('public-keys/0/openssh-key'), 'ssh-ed25519 AAAA me');
      assert.equal(found.get('block-device-mapping/ebs1'), 'sdf');
      assert.equal(found.get('block-device-mapping/ebs2'), undefined);
      assert.equal(found.get('placement/availability-zone'), 'us-east-1a');
      const mac = 'network/interfaces/macs/02:aa:00:00:00:05';
      assert.equal(found.get(`${mac}/local-ipv4s`), '172.31.0.5');
      assert.equal(found.get(`${mac}/subnet-ipv4-cidr-block`), '172.31.0.0/20');
    }
  });
});

/** As cloud-init does it: a name with a slash is a folder, and `0=name` is the folder 0. */
async function crawl(ask: Ask, path: string, prefix = ''): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const line of (await ask(path)).text.split('\n')) {
    const isKey = line.includes('=') && prefix === 'public-keys/';
    const name = isKey ? `${line.split('=')[0]}/` : line;
    if (name.endsWith('/')) {
      for (const [k, v] of await crawl(ask, path + name, prefix + name)) found.set(k, v);
    } else {
      const reply = await ask(path + name);
      assert.equal(reply.status, 200, path + name);
      found.set(prefix + name, reply.text);
    }
  }
  return found;
}

test('listings look like those of EC2', async () => {
  await withService({}, async (ask) => {
    assert.equal((await ask('/latest/')).text, 'dynamic\nmeta-data');
    assert.equal((await ask('/latest/meta-data/public-keys/')).text, '0=me');
    assert.match((await ask('/latest/meta-data/')).text, /^ami-id\n.*\nplacement\/\n.*/s);
    assert.equal((await ask('/latest/dynamic/')).text, 'instance-identity/');
  });
});

test('a folder without its slash is redirected, a leaf with one is served', async () => {
  await withService({}, async (ask) => {
    const redirected = await ask('/latest/meta-data');
    assert.equal(redirected.status, 301);
    assert.equal(redirected.headers.location, '/latest/meta-data/');
    assert.equal((await ask('/latest/meta-data/instance-id/')).text, 'i-0123456789abcdef0');
    assert.equal((await ask('//latest//meta-data/instance-id?x=1')).text, 'i-0123456789abcdef0');
  });
});

test('what does not exist is 404, what is malformed 400, and other methods 405', async () => {
  await withService({}, async (ask) => {
    const gone = ['/1999-01-01/', '/latest/meta-data/nothing', '/latest/meta-data/ami-id/x'];
    for (const path of [...gone, '/latest/user-data', '/latest/meta-data/iam/', '/latest/../etc']) {
      assert.equal((await ask(path)).status, 404, path);
    }
    assert.equal((await ask('/latest/%zz')).status, 400);
    for (const method of ['POST', 'DELETE', 'PUT', 'OPTIONS']) {
      const reply = await ask('/latest/meta-data/', { method });
      assert.equal(reply.status, 405, method);
      assert.equal(reply.headers.allow, 'GET, HEAD');
    }
    assert.equal((await ask('/latest/api/token')).status, 405);
    const head = await ask('/latest/meta-data/ami-id', { method: 'HEAD' });
    assert.deepEqual([head.status, head.text], [200, '']);
    assert.equal(head.headers['content-length'], '21');
  });
});

test('user data are the bytes that the user gave', async () => {
  const bytes = Buffer.from([0, 255, 10, 13, 0x1f, 0x8b]);
  await withService(withMetadata({ userData: bytes.toString('base64') }), async (ask) => {
    const reply = await ask('/latest/user-data');
    assert.deepEqual(Buffer.from(reply.text, 'latin1'), bytes);
    assert.equal(reply.headers['content-type'], 'application/octet-stream');
    assert.equal((await ask('/latest/')).text, 'dynamic\nmeta-data\nuser-data');
  });
});

test('the identity document tells who the instance is', async () => {
  await withService({}, async (ask) => {
    const reply = await ask('/latest/dynamic/instance-identity/document');
    const document = JSON.parse(reply.text) as Record<string, unknown>;
    assert.equal(document['instanceId'], 'i-0123456789abcdef0');
    assert.equal(document['pendingTime'], '2026-11-22T10:00:00Z');
    assert.equal(document['privateIp'], '172.31.0.5');
  });
});

test('a role’s credentials are there for an instance that has one, and for no other', async () => {
  await withService({}, async (ask) => {
    assert.equal((await ask('/latest/meta-data/iam/')).status, 404);
  });
  const role = {
    profileArn: 'arn:aws:iam::123456789012:instance-profile/web',
    profileId: `AIPA${'A'.repeat(17)}`,
    roleName: 'web',
    accessKeyId: `ASIA${'A'.repeat(16)}`,
    secretAccessKey: 'secret',
    token: 'token',
    issuedAt: '2026-01-01T00:00:00.000Z',
    expiresAt: '2026-01-01T06:00:00.000Z',
  };
  await withService(withMetadata({ role }), async (ask) => {
    const read = async (path: string) => (await ask(`/latest/meta-data/iam/${path}`)).text;
    assert.equal(await read('security-credentials/'), 'web');
    assert.deepEqual(JSON.parse(await read('security-credentials/web')), {
      Code: 'Success',
      LastUpdated: '2026-01-01T00:00:00Z',
      Type: 'AWS-HMAC',
      AccessKeyId: role.accessKeyId,
      SecretAccessKey: 'secret',
      Token: 'token',
      Expiration: '2026-01-01T06:00:00Z',
    });
    assert.equal(JSON.parse(await read('info')).InstanceProfileArn, role.profileArn);
  });
});

test('tags are shown only when asked for, and only those that fit a path', async () => {
  const tags = { Name: 'web', 'a/b': 'x', '..': 'y' };
  await withService(withMetadata({ tags }), async (ask) => {
    assert.equal((await ask('/latest/meta-data/tags/instance/')).status, 404);
  });
  const options = { ...metadataIntent().options, instanceTags: 'enabled' as const };
  await withService(withMetadata({ tags, options }), async (ask) => {
    assert.equal((await ask('/latest/meta-data/tags/instance/')).text, 'Name');
    assert.equal((await ask('/latest/meta-data/tags/instance/Name')).text, 'web');
  });
});

test('with tokens required, nothing is read without one', async () => {
  await withService(withOptions({ tokens: 'required' }), async (ask) => {
    assert.equal((await ask('/latest/meta-data/')).status, 401);
    const token = await getToken(ask);
    const reply = await ask('/latest/meta-data/ami-id', { headers: { [TOKEN]: token } });
    assert.equal(reply.text, 'ami-0123456789abcdef0');
    assert.equal(reply.headers[TTL], '60');
  });
});

test('a token that was made up, changed or made for another instance is refused', async () => {
  let current = instanceIntent();
  await withService({ findInstanceByAddress: () => current }, async (ask) => {
    const token = await getToken(ask);
    const read = (value: string) => ask('/latest/meta-data/', { headers: { [TOKEN]: value } });
    assert.equal((await read(token)).status, 200);
    const changed = (token[0] === 'A' ? 'B' : 'A') + token.slice(1);
    for (const bad of ['', 'x', changed, `${token}AAAA`]) {
      assert.equal((await read(bad)).status, 401, bad);
    }
    current = instanceIntent({ id: 'i-11111111111111111' });
    assert.equal((await read(token)).status, 401);
  });
});

test('a token ends when its time is over', async () => {
  let now = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => now };
  await withService({ clock }, async (ask) => {
    const token = await getToken(ask, '21600');
    const read = () => ask('/latest/meta-data/', { headers: { [TOKEN]: token } });
    now = 21_599_000;
    assert.equal((await read()).headers[TTL], '1');
    now = 21_600_000;
    assert.equal((await read()).status, 401);
  });
});

test('a token needs PUT, a time to live of 1 to 21600 and no forwarder', async () => {
  await withService({}, async (ask) => {
    const put = (headers: Record<string, string>) =>
      ask('/latest/api/token', { method: 'PUT', headers });
    for (const ttl of ['0', '21601', '-1', '1.5', 'x', '', '999999']) {
      assert.equal((await put({ [TTL]: ttl })).status, 400, ttl);
    }
    assert.equal((await put({})).status, 400);
    assert.equal((await put({ [TTL]: '60', 'X-Forwarded-For': '10.0.0.1' })).status, 403);
    const post = await ask('/latest/api/token', { method: 'POST', headers: { [TTL]: '60' } });
    assert.equal(post.status, 405);
  });
});

test('the hop limit is set on the connection that carries a token', async () => {
  const seen: number[] = [];
  const changes = {
    ...withOptions({ hopLimit: 3 }),
    limitHops: (_: unknown, n: number) => seen.push(n),
  };
  await withService(changes as Partial<MetadataServiceOptions>, async (ask) => {
    await ask('/latest/meta-data/');
    assert.deepEqual(seen, []);
    await getToken(ask);
    assert.deepEqual(seen, [3]);
  });
});

test('a disabled endpoint answers nothing, and strangers find nothing', async () => {
  const read: string[] = [];
  const onRead = (id: string) => read.push(id);
  await withService({ ...withOptions({ endpoint: 'disabled' }), onRead }, async (ask) => {
    assert.equal((await ask('/latest/meta-data/')).status, 403);
    const put = await ask('/latest/api/token', { method: 'PUT', headers: { [TTL]: '60' } });
    assert.equal(put.status, 403);
  });
  assert.equal(read.length, 2);
  await withService({ findInstanceByAddress: () => undefined, onRead }, async (ask) => {
    assert.equal((await ask('/')).status, 404);
  });
  assert.equal(read.length, 2);
});

test('in user mode the first part of the path says who asks', async () => {
  const instance = instanceIntent();
  const changes: Partial<MetadataServiceOptions> = {
    findInstanceByAddress: () => undefined,
    findInstanceBySecret: (secret) => (secret === 'abc' ? instance : undefined),
    limitHops: undefined,
  };
  await withService(changes, async (ask) => {
    assert.equal((await ask('/abc/latest/meta-data/instance-id')).text, instance.id);
    assert.equal((await ask('/abc/latest')).headers.location, '/abc/latest/');
    assert.match((await ask('/abc/')).text, /latest$/);
    for (const path of ['/', '/latest/meta-data/', '/abd/latest/meta-data/', '/abc%2F/latest/']) {
      assert.equal((await ask(path)).status, 404, path);
    }
    const put = { method: 'PUT', headers: { [TTL]: '60' } };
    assert.equal((await ask('/abc/latest/api/token', put)).status, 200);
  });
});

test('a guest that opens many connections is cut off at its limit', async () => {
  await withService({}, async (_ask, port) => {
    const sockets = Array.from({ length: 80 }, () => connect(port, '127.0.0.1').resume());
    for (const socket of sockets) socket.on('error', () => {});
    // The limit is 64, so 16 of them are cut; which ones is the kernel's choice.
    const isCut = () => sockets.filter((socket) => socket.destroyed).length === 16;
    await waitFor(isCut, { clock: systemClock, timeoutMs: 5_000, what: 'the cut' });
    assert.equal(sockets.filter((socket) => !socket.destroyed).length, 64);
    for (const socket of sockets) socket.destroy();
  });
});

test('a guest waits for a newer list of its volumes, and says what it has done', async () => {
  const { desk, heard, waiting, change } = deskOf('one');
  await withService({ volumes: desk }, async (ask) => {
    const path = '/latest/ironbark/volumes';
    assert.equal((await ask(path)).status, 401);
    const put = { method: 'PUT', headers: { [TTL]: '60' } };
    const { text: token } = await ask('/latest/api/token', put);
    const headers = { [TOKEN]: token };
    assert.equal((await ask(`${path}?after=older`, { headers })).text, 'list one\n');
    const later = ask(`${path}?after=one`, { headers });
    const what = 'the guest waits';
    await waitFor(() => waiting.size > 0, { clock: systemClock, timeoutMs: 5_000, what });
    change('two');
    assert.equal((await later).text, 'list two\n');
    const say = async (rest: string, more = headers) =>
      (await ask(`${path}/${rest}`, { method: 'PUT', headers: more })).status;
    assert.equal(await say('vol-0123456789abcdef0/attached'), 200);
    assert.equal(await say('vol-0123456789abcdef0/released'), 409);
    assert.equal(await say('vol-0123456789abcdef0/gone'), 404);
    assert.equal(await say('i-0123456789abcdef0/attached'), 404);
    assert.equal(await say('vol-0123456789abcdef0/attached', { [TOKEN]: 'stolen' }), 401);
    assert.equal((await ask(path, { method: 'DELETE', headers })).status, 405);
    assert.deepEqual(heard, ['vol-0123456789abcdef0 attached', 'vol-0123456789abcdef0 released']);
  });
});
