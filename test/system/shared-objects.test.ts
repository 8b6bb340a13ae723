import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSharedObjects } from '../../packages/cli/daemon/objects-source.ts';
import { KEYS, startEndpoint } from '../conformance/s3/endpoint.ts';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { postgresIsMissing } from '../support/postgres-server.ts';
import { LeanClient } from '../support/s3-load.ts';
import { SharedStores } from '../support/shared-stores.ts';

const TEXT = 'of a cloud';

test('a cloud’s objects are in a database and an engine, where another gateway has them too', {
  skip: await postgresIsMissing(),
}, async (t) => {
  await using stores = await SharedStores.start();
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-objects-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'credentials');
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  const lines = [
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
  ];
  await writeFile(path, lines.join('\n'), { mode: 0o600 });
  const database = await stores.postgres.createDatabase('cloud');
  const flags = [
    ...['--objects-database', database, '--objects-engine', stores.walrus!.url],
    ...['--objects-bucket', 'blobs', '--objects-region', 'local', '--objects-credentials', path],
  ];
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated', flags });
  {
    using s3 = clientOf(cloud);
    await s3.succeed({ method: 'PUT', path: '/of-a-cloud' });
    await s3.succeed({ method: 'PUT', path: '/of-a-cloud/key', body: Buffer.from(TEXT) });
  }
  await assert.rejects(cloud.ironbark('backup', join(folder, 'backup')), /backups of their own/);
  const { config } = await cloud.status();
  await using gateway = await startEndpoint({ shared: (await readSharedObjects(config))! });
  const found = await gateway.objects.client.getObject({ bucket: 'of-a-cloud', key: 'key' });
  const pieces = await Array.fromAsync(found.body);
  assert.equal(Buffer.concat(pieces).toString(), TEXT);
  await cloud.ironbark('down');
  // What is not said again stays.
  await cloud.up();
  using s3 = clientOf(cloud);
  assert.equal((await s3.succeed({ method: 'GET', path: '/of-a-cloud/key' })).toString(), TEXT);
});

function clientOf({ credentials }: CloudUnderTest): LeanClient {
  const { endpoint: url, region } = credentials;
  return new LeanClient({ url, key: credentials, region, connections: 1 });
}
