// Owns that the tests of a process run on shared stores: node --import 'with-shared-stores.ts?postgres=URL&engine=JSON', and
// every endpoint that does not ask for files is a gateway of a state of its own.

import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { parsePostgresUrl } from '@ironbark/platform/database/postgres-target.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { Client } from 'pg';
import { storesUnderTest } from '../conformance/s3/endpoint.ts';

const given = new URL(import.meta.url).searchParams;
const postgres = given.get('postgres')!;
const engine = JSON.parse(given.get('engine')!) as SharedSettings['engine'];

storesUnderTest.open = async () => {
  const name = `t${systemRandom.bytes(8).toString('hex')}`;
  const client = new Client(postgres);
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return { database: parsePostgresUrl(postgres.replace('/postgres?', `/${name}?`)), engine };
};
