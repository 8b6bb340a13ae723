// Owns what each client is made to do: what somebody does with it on an ordinary day, and whether all of it came true.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import type { ClientName } from './fetch-clients.ts';

export interface Workplace {
  program: string;
  /** Where Walrus is. */
  url: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Its own, and empty. */
  folder: string;
}

export const WORKFLOWS: Readonly<Record<ClientName, (place: Workplace) => Promise<void>>> = {
  aws: useAwsCli,
  boto3: useBoto3,
  s3cmd: useS3cmd,
  rclone: useRclone,
  restic: useRestic,
  s3fs: useS3fs,
};

const TIMEOUT_MS = 120_000;
/** More than one part for every client that sends parts. */
const LARGE_BYTES = 20 * MIB;

/** A folder with what is awkward: names, an empty file, one that is sent in parts. */
async function makeTree(folder: string): Promise<string> {
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'deep/er'), { recursive: true });
  await writeFile(join(tree, 'empty'), '');
  await writeFile(join(tree, 'plain.txt'), 'hello\n');
  await writeFile(join(tree, 'deep/näme with space+plus.txt'), randomBytes(5_000));
  await writeFile(join(tree, 'deep/er/large'), randomBytes(LARGE_BYTES));
  return tree;
}

async function assertSameTree(left: string, right: string): Promise<void> {
  const list = async (folder: string) => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length)).sort();
  };
  assert.deepEqual(await list(right), await list(left));
  for (const path of await list(left)) {
    const [one, other] = await Promise.all([left, right].map((root) => readFile(join(root, path))));
    assert.ok(one!.equals(other!), `${path} differs`);
  }
}

function environment({ accessKeyId, secretAccessKey, region, folder }: Workplace) {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    LANG: 'C.UTF-8',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

async function run(
  place: Workplace,
  args: readonly string[],
  more: Record<string, string> = {},
): Promise<string> {
  const env = { ...environment(place), ...more };
  const options = { env, cwd: place.folder, timeoutMs: TIMEOUT_MS };
  return (await systemCommands.run(place.program, args, options)).stdout;
}

async function useAwsCli(place: Workplace): Promise<void> {
  const aws = (...args: string[]) => run(place, ['--endpoint-url', place.url, ...args]);
  const tree = await makeTree(place.folder);
  await aws('s3', 'mb', 's3://aws-cli');
  await aws('s3', 'sync', tree, 's3://aws-cli/tree');
  await aws('s3', 'cp', '--recursive', 's3://aws-cli/tree', join(place.folder, 'back'));
  await assertSameTree(tree, join(place.folder, 'back'));
  await aws('s3', 'mv', 's3://aws-cli/tree/plain.txt', 's3://aws-cli/moved.txt');
  assert.match(await aws('s3', 'ls', 's3://aws-cli', '--recursive'), /moved\.txt/);
  const head = await aws('s3api', 'head-object', '--bucket', 'aws-cli', '--key', 'moved.txt');
  assert.equal(JSON.parse(head).ContentLength, 6);
  const signed = (await aws('s3', 'presign', 's3://aws-cli/moved.txt')).trim();
  assert.equal(await (await fetch(signed)).text(), 'hello\n');
  await aws('s3', 'rb', '--force', 's3://aws-cli');
}

const BOTO3 = `
import boto3, io, os, sys
s3 = boto3.client('s3', endpoint_url=sys.argv[1])
s3.create_bucket(Bucket='boto3')
data = os.urandom(${LARGE_BYTES})
s3.upload_fileobj(io.BytesIO(data), 'boto3', 'large', ExtraArgs={'Metadata': {'who': 'me'}})
back = io.BytesIO()
s3.download_fileobj('boto3', 'large', back)
assert back.getvalue() == data
assert s3.head_object(Bucket='boto3', Key='large')['Metadata'] == {'who': 'me'}
for n in range(1100):
    s3.put_object(Bucket='boto3', Key=f'many/{n:04}', Body=b'x', ChecksumAlgorithm='SHA256')
pages = s3.get_paginator('list_objects_v2').paginate(Bucket='boto3', Prefix='many/')
keys = [o['Key'] for page in pages for o in page['Contents']]
assert keys == [f'many/{n:04}' for n in range(1100)], len(keys)
try:
    s3.put_object(Bucket='boto3', Key='many/0000', Body=b'y', IfNoneMatch='*')
    raise AssertionError('overwrote')
except s3.exceptions.ClientError as error:
    assert error.response['Error']['Code'] == 'PreconditionFailed', error
bucket = boto3.resource('s3', endpoint_url=sys.argv[1]).Bucket('boto3')
bucket.objects.all().delete()
bucket.delete()
`;

async function useBoto3(place: Workplace): Promise<void> {
  await run(place, ['-c', BOTO3, place.url]);
}

async function useS3cmd(place: Workplace): Promise<void> {
  const { url, region, accessKeyId, secretAccessKey, folder } = place;
  const { host } = new URL(url);
  const settings = {
    access_key: accessKeyId,
    secret_key: secretAccessKey,
    host_base: host,
    host_bucket: host,
    bucket_location: region,
    use_https: 'False',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  await writeFile(join(folder, '.s3cfg'), ['[default]', ...lines, ''].join('\n'));
  const s3cmd = (...args: string[]) => run(place, args);
  const tree = await makeTree(folder);
  await s3cmd('mb', 's3://s3cmd');
  // Its copies bring the list `private`.
  await s3cmd('setownership', 's3://s3cmd', 'BucketOwnerPreferred');
  await s3cmd('sync', `${tree}/`, 's3://s3cmd/tree/');
  await mkdir(join(folder, 'back'));
  await s3cmd('sync', 's3://s3cmd/tree/', `${join(folder, 'back')}/`);
  await assertSameTree(tree, join(folder, 'back'));
  assert.match(await s3cmd('info', 's3://s3cmd/tree/plain.txt'), /File size: +6/);
  await s3cmd('cp', 's3://s3cmd/tree/plain.txt', 's3://s3cmd/copy.txt');
  assert.match(await s3cmd('du', 's3://s3cmd'), /5 objects/);
  await s3cmd('rb', '--force', '--recursive', 's3://s3cmd');
}

async function useRclone(place: Workplace): Promise<void> {
  const settings = {
    RCLONE_CONFIG_W_TYPE: 's3',
    RCLONE_CONFIG_W_PROVIDER: 'Other',
    RCLONE_CONFIG_W_ENV_AUTH: 'true',
    RCLONE_CONFIG_W_ENDPOINT: place.url,
    RCLONE_CONFIG_W_REGION: place.region,
    // Debian's version sends `private`, as it would to AWS, where buckets have no lists since 2023.
    RCLONE_CONFIG_W_ACL: 'bucket-owner-full-control',
    RCLONE_CONFIG_W_BUCKET_ACL: 'private',
    RCLONE_S3_CHUNK_SIZE: '5M',
    RCLONE_S3_UPLOAD_CUTOFF: '5M',
  };
  const rclone = (...args: string[]) => run(place, args, settings);
  const tree = await makeTree(place.folder);
  await rclone('mkdir', 'w:rclone');
  await rclone('sync', tree, 'w:rclone/tree');
  await rclone('check', '--download', tree, 'w:rclone/tree');
  await rm(join(tree, 'plain.txt'));
  await writeFile(join(tree, 'new'), 'new');
  await rclone('sync', tree, 'w:rclone/tree');
  await rclone('check', tree, 'w:rclone/tree');
  await rclone('copy', 'w:rclone/tree', join(place.folder, 'back'));
  await assertSameTree(tree, join(place.folder, 'back'));
  await rclone('purge', 'w:rclone');
}

async function useRestic(place: Workplace): Promise<void> {
  const settings = { RESTIC_PASSWORD: 'test', RESTIC_REPOSITORY: `s3:${place.url}/restic/repo` };
  const restic = (...args: string[]) => run(place, args, settings);
  const tree = await makeTree(place.folder);
  await restic('init');
  await restic('backup', tree);
  const before = join(place.folder, 'before');
  await cp(tree, before, { recursive: true });
  await writeFile(join(tree, 'plain.txt'), 'changed\n');
  await restic('backup', tree);
  await restic('check', '--read-data');
  const snapshots = JSON.parse(await restic('snapshots', '--json')) as { id: string }[];
  assert.equal(snapshots.length, 2);
  const target = join(place.folder, 'restored');
  await restic('restore', snapshots[0]!.id, '--target', target);
  await assertSameTree(before, join(target, tree));
  await restic('forget', '--keep-last', '1', '--prune');
  await restic('check');
}

/** The store takes no list but its owner's, and s3fs always sends one. */
const S3FS_OPTIONS = 'use_path_request_style,default_acl=bucket-owner-full-control';

async function useS3fs(place: Workplace): Promise<void> {
  const { url, region, folder, accessKeyId, secretAccessKey } = place;
  const keys = join(folder, 'keys');
  await writeFile(keys, `${accessKeyId}:${secretAccessKey}\n`, { mode: 0o600 });
  const mount = join(folder, 'mount');
  await mkdir(mount);
  const options = `${S3FS_OPTIONS},url=${url},endpoint=${region},passwd_file=${keys}`;
  await run(place, ['s3fs', mount, '-o', options]);
  try {
    const isMounted = async () => (await readFile('/proc/mounts', 'utf8')).includes(` ${mount} `);
    await waitFor(isMounted, { clock: systemClock, timeoutMs: 20_000, what: 'the mount' });
    const tree = await makeTree(folder);
    await cp(tree, join(mount, 'tree'), { recursive: true });
    await assertSameTree(tree, join(mount, 'tree'));
    await rm(join(mount, 'tree'), { recursive: true });
    assert.deepEqual(await readdir(mount), []);
  } finally {
    await systemCommands.run('fusermount', ['-u', mount]);
  }
}

/** What a client said, for people. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof CommandError)) return String(error);
  return `${error.argv.join(' ')}: ${error.stderr}`;
}
