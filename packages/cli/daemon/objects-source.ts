// Owns where this cloud's objects are when they are in no files of it: what the configuration and the administrator's file
// of credentials say, read where the host's files and names can be seen.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import {
  type PostgresTarget,
  parsePostgresUrl,
} from '@ironbark/platform/database/postgres-target.ts';
import type { CloudConfig, SharedObjects } from '../cloud-config.ts';
import { Problem } from '../problem.ts';
import type { GatewayFile } from './gateway-file.ts';
import { readSecretFile } from './secret-file.ts';

const DEFAULT_REGION = 'us-east-1';

/** Undefined where they are in files. Throws a Problem. */
export async function readSharedObjects({
  objects,
}: Pick<CloudConfig, 'objects'>): Promise<SharedSettings | undefined> {
  return objects === undefined ? undefined : await resolveShared(await collectShared(objects));
}

/** With what is in the file of credentials, as another host is told of them. */
export async function collectShared(objects: SharedObjects): Promise<GatewayFile['objects']> {
  const { endpoint, bucket, region = DEFAULT_REGION, credentials: path } = objects.engine;
  const { accessKeyId, secretAccessKey, password } = await readCredentials(path);
  return {
    database: objects.database,
    ...(password === undefined ? {} : { databasePassword: password }),
    engine: { endpoint, bucket, region, accessKeyId, secretAccessKey },
  };
}

export async function resolveShared({
  database,
  databasePassword,
  engine,
}: GatewayFile['objects']): Promise<SharedSettings> {
  const address = await addressOf(new URL(engine.endpoint).hostname.replace(/^\[|\]$/g, ''));
  return {
    database: await resolved(parseDatabase(database, databasePassword)),
    engine: { ...engine, address },
  };
}

/** Before a cloud is told of them. `isConfined`: who uses them sees no files of the host. */
export async function checkSharedObjects(
  objects: SharedObjects,
  { isConfined }: { isConfined: boolean },
): Promise<void> {
  requireEndpoint(objects.engine.endpoint);
  const { database } = (await readSharedObjects({ objects }))!;
  if (!isConfined || database.host?.startsWith('/') !== true) return;
  throw new Problem('the services cannot reach a database over a socket in a folder', [
    'they are locked in the data folder: give an address, such as postgres://ironbark@127.0.0.1/objects',
  ]);
}

function requireEndpoint(endpoint: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isGood =
    /^https?:$/.test(url?.protocol ?? '') && url?.pathname === '/' && url.search === '';
  if (isGood) return;
  throw new Problem(`${endpoint} is no address of an object engine`, [
    'give the one that its S3 clients are given, such as --objects-engine http://10.0.0.5:7480',
  ]);
}

function parseDatabase(text: string, password: string | undefined): PostgresTarget {
  const query = new URLSearchParams(text.split('?').slice(1).join('?'));
  if (/^[a-z]+:\/\/[^/@]*:[^/@]*@/.test(text) || query.has('password')) {
    throw new Problem('a password does not belong in the address of the database', [
      'write it into the file of credentials: database_password = …',
    ]);
  }
  try {
    return parsePostgresUrl(text, password);
  } catch (error) {
    throw new Problem(
      `the database of objects: ${error instanceof Error ? error.message : error}`,
      ['such as --objects-database postgres://ironbark@10.0.0.4/objects'],
    );
  }
}

/** The name stays for who looks at certificates. */
async function resolved(target: PostgresTarget): Promise<PostgresTarget> {
  const { host = '', ssl } = target;
  if (host.startsWith('/') || isIP(host) !== 0) return target;
  const given = ssl === true ? {} : ssl;
  const secure = typeof given === 'object' ? { ssl: { servername: host, ...given } } : {};
  return { ...target, host: await addressOf(host), ...secure };
}

async function addressOf(name: string): Promise<string> {
  if (isIP(name) !== 0) return name;
  try {
    return (await lookup(name)).address;
  } catch (cause) {
    const problem = new Problem(`no address is known of ${name}`, ['write the address instead']);
    problem.cause = cause;
    throw problem;
  }
}

const EXAMPLE =
  'aws_access_key_id = …, aws_secret_access_key = … and, if it has one, database_password = …';

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  password: string | undefined;
}

/** In the form of `~/.aws/credentials`, with one section. */
async function readCredentials(path: string): Promise<Credentials> {
  const text = await readSecretFile(path, {
    what: 'the file of credentials',
    advice: `give the absolute path of one with ${EXAMPLE}`,
  });
  const lines = [...text.matchAll(/^[ \t]*([a-z_]+)[ \t]*=[ \t]*(.*?)[ \t]*$/gm)];
  const values = new Map(lines.map(([, name, value]) => [name, value!]));
  const accessKeyId = values.get('aws_access_key_id');
  const secretAccessKey = values.get('aws_secret_access_key');
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Problem(`the credentials ${path} are not whole`, [`they are lines: ${EXAMPLE}`]);
  }
  return { accessKeyId, secretAccessKey, password: values.get('database_password') };
}
