// A cloud whose objects are in a database and an engine, and gateways beside it that were started by their command.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CommandError } from '@ironbark/platform/commands.ts';
import { KEYS } from '../conformance/s3/endpoint.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { postgresIsMissing } from '../support/postgres-server.ts';
import { LeanClient } from '../support/s3-load.ts';
import { SharedStores } from '../support/shared-stores.ts';

const skip = await postgresIsMissing();
const CONNECTIONS = 4;
const ENCRYPTED = { 'x-amz-server-side-encryption': 'AES256' };
const NOBODY = 65_534;

const owned = new AsyncDisposableStack();
let cloud: CloudUnderTest;
let folder: string;
let one: GatewayProcess;
let other: GatewayProcess;

before(async () => {
  if (skip !== false) return;
  const stores = owned.use(await SharedStores.start());
  folder = await mkdtemp(join(tmpdir(), 'ironbark-gateways-'));
  owned.defer(() => rm(folder, { recursive: true }));
  const path = join(folder, 'credentials');
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  await writeFile(path, keys, { mode: 0o600 });
  const flags = [
    ...['--objects-database', await stores.postgres.createDatabase('cloud')],
    ...['--objects-engine', stores.walrus!.url, '--objects-credentials', path],
    ...['--objects-bucket', 'blobs', '--objects-region', 'local'],
  ];
  cloud = owned.use(await CloudUnderTest.start({ hypervisor: 'simulated', flags }));
  one = owned.use(await startGatewayProcess(await invite('east')));
  other = owned.use(await startGatewayProcess(await invite('west')));
});

after(() => owned.disposeAsync());

async function invite(name: string): Promise<string> {
  const file = join(folder, `${name}.gateway`);
  await cloud.ironbark('gateways', 'invite', name, file, '--address', '127.0.0.1');
  return file;
}

function clientOf({ url }: { url: string }): LeanClient {
  const { region } = cloud.credentials;
  return new LeanClient({ url, key: cloud.credentials, region, connections: CONNECTIONS });
}

test('gateways and the cloud see one another’s objects, encrypted ones too', { skip }, async () => {
  using here = clientOf(one);
  using there = clientOf(other);
  using own = clientOf({ url: cloud.credentials.endpoint });
  await here.succeed({ method: 'PUT', path: '/shared' });
  const body = Buffer.from('by a gateway');
  await here.succeed({ method: 'PUT', path: '/shared/key', body, headers: ENCRYPTED });
  for (const each of [there, own]) {
    assert.deepEqual(await each.succeed({ method: 'GET', path: '/shared/key' }), body);
  }
  await own.succeed({ method: 'DELETE', path: '/shared/key' });
  assert.equal((await there.call({ method: 'GET', path: '/shared/key' })).status, 404);
  const { stdout } = await cloud.ironbark('events');
  assert.match(stdout, /CreateBucket/, 'what a gateway was asked for is in the cloud’s record');
});

test('a stranger’s key is refused, and so is a key of the cloud with a wrong secret', {
  skip,
}, async () => {
  const { accessKeyId, region } = cloud.credentials;
  for (const key of [KEYS.other, { accessKeyId, secretAccessKey: 'not it' }]) {
    using client = new LeanClient({ url: one.url, key, region, connections: 1 });
    assert.equal((await client.call({ method: 'GET', path: '/' })).status, 403);
  }
});

test('a gateway’s secrets are in a file for its owner alone, and it runs without rights', {
  skip,
}, async () => {
  const file = join(folder, 'east.gateway');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const argv = await readFile(`/proc/${one.pid}/cmdline`, 'utf8');
  const { objects, identity } = JSON.parse(await readFile(file, 'utf8'));
  assert.ok(!argv.includes(objects.engine.secretAccessKey) && !argv.includes(identity.key));
  const text = await readFile(`/proc/${one.pid}/status`, 'utf8');
  const uid = Number(/^Uid:\s+(\d+)/m.exec(text)?.[1]);
  assert.equal(uid, process.getuid!() === 0 ? NOBODY : process.getuid!());
});

test('a gateway that is killed loses nothing that it has answered', { skip }, async () => {
  using here = clientOf(one);
  using there = clientOf(other);
  const kept: string[] = [];
  const writer = async (from: number) => {
    for (let n = from; ; n += CONNECTIONS) {
      const path = `/shared/killed/${n}`;
      const { status } = await here.call({ method: 'PUT', path, body: Buffer.from(path) });
      if (status === 200) kept.push(path);
    }
  };
  const writing = Promise.allSettled(Array.from({ length: CONNECTIONS }, (_, n) => writer(n)));
  await eventually('some writes', async () => kept.length >= 40, { intervalMs: 5 });
  await one.end('SIGKILL');
  await writing;
  for (const path of kept) {
    const body = await there.succeed({ method: 'GET', path });
    assert.equal(body.toString(), path);
  }
  one = owned.use(await startGatewayProcess(join(folder, 'east.gateway')));
  using again = clientOf(one);
  assert.equal((await again.call({ method: 'GET', path: kept.at(-1)! })).status, 200);
});

test('without its cloud a gateway says 503, and goes on when the cloud is back', {
  skip,
}, async () => {
  await cloud.ironbark('down');
  using there = clientOf(other);
  assert.equal((await there.call({ method: 'GET', path: '/shared?list-type=2' })).status, 503);
  await cloud.up();
  const isBack = async () =>
    (await there.call({ method: 'GET', path: '/shared?list-type=2' })).status === 200;
  await eventually('the gateway to be served', isBack);
});

test('a gateway that was removed serves nobody, and is told why when it starts', {
  skip,
}, async () => {
  const listed = await cloud.json<{ name: string; isConnected: boolean }[]>('gateways');
  assert.deepEqual(
    listed.map(({ name }) => name),
    ['east', 'west'],
  );
  await cloud.ironbark('gateways', 'remove', 'west');
  using there = clientOf(other);
  assert.equal((await there.call({ method: 'GET', path: '/shared?list-type=2' })).status, 503);
  const file = join(folder, 'west.gateway');
  await assert.rejects(startGatewayProcess(file), /has no gateway west any more/);
  await other.end('SIGTERM');
  await assert.rejects(
    cloud.ironbark('gateways', 'invite', 'north', file),
    (error) => error instanceof CommandError && /is there already/.test(error.stderr),
  );
});
