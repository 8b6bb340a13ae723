// Owns writers that number what they write, for tests that ask which of it is there later: of each writer a prefix
// has to be, with everything that was acknowledged before the moment in question.

import { CreateTagsCommand, DescribeTagsCommand, type EC2Client } from '@aws-sdk/client-ec2';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

export interface Writer {
  name: string;
  /** Numbers 1 to this were acknowledged; the next one may be under way. */
  acknowledged: number;
}

export interface NumberedWriters extends AsyncDisposable {
  writers: readonly Writer[];
  /** What was acknowledged up to now. */
  mark(): ReadonlyMap<string, number>;
}

export interface WritersOptions {
  s3: S3Client;
  ec2: EC2Client;
  /** Is there already. */
  bucket: string;
  /** A resource that may be tagged; EC2 lets it have 50 tags, so one tag's value counts. */
  taggedId: string;
  objectWriters: number;
}

const CHANGING_KEYS = 4;
const REMOVED_EACH = 10;

/** They write as fast as they are answered until they are disposed. */
export function startNumberedWriters(options: WritersOptions): NumberedWriters {
  const stop = new AbortController();
  const writers: Writer[] = [];
  const runs: Promise<void>[] = [];
  const start = (name: string, write: (n: number) => Promise<unknown>) => {
    const writer = { name, acknowledged: 0 };
    writers.push(writer);
    runs.push(keepWriting(writer, write, stop.signal));
  };
  const { s3, ec2, bucket: Bucket, taggedId } = options;
  for (let index = 0; index < options.objectWriters; index++) {
    const name = `objects-${index}`;
    start(name, (n) =>
      s3.send(new PutObjectCommand({ Bucket, Key: `${name}/${n}`, Body: bodyOf(name, n) })),
    );
  }
  // The same keys again and again, removed now and then: their blobs come and go while others are read.
  for (let index = 0; index < CHANGING_KEYS; index++) {
    const name = `changing-${index}`;
    start(name, async (n) => {
      await s3.send(new PutObjectCommand({ Bucket, Key: name, Body: bodyOf(name, n) }));
      if (n % REMOVED_EACH === 0) await s3.send(new DeleteObjectCommand({ Bucket, Key: name }));
    });
  }
  start('tags', (n) =>
    ec2.send(
      new CreateTagsCommand({ Resources: [taggedId], Tags: [{ Key: 'count', Value: String(n) }] }),
    ),
  );
  return {
    writers,
    mark: () => new Map(writers.map(({ name, acknowledged }) => [name, acknowledged])),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all(runs);
    },
  };
}

async function keepWriting(
  writer: Writer,
  write: (n: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await write(writer.acknowledged + 1);
    writer.acknowledged += 1;
  }
}

/** From a few bytes to 200 KiB, told by its first line. */
function bodyOf(name: string, n: number): Buffer {
  return Buffer.alloc(16 + ((n * 7919) % 200_000), `${name} ${n}\n`);
}

/** How far an object writer's numbers go; throws when one is missing before that or has other bytes. */
export async function readObjectPrefix(
  s3: S3Client,
  Bucket: string,
  name: string,
  end: number,
): Promise<number> {
  let last = 0;
  for (let n = 1; n <= end + 1; n++) {
    const found = await readObject(s3, Bucket, `${name}/${n}`);
    if (found === undefined) continue;
    if (n !== last + 1) throw new Error(`${name}/${n} is there and ${name}/${last + 1} is not`);
    if (!found.equals(bodyOf(name, n))) throw new Error(`${name}/${n} has other bytes`);
    last = n;
  }
  return last;
}

/** Undefined when there is none; throws unless it is one of its values, whole. */
export async function readChanging(
  s3: S3Client,
  Bucket: string,
  name: string,
): Promise<number | undefined> {
  const found = await readObject(s3, Bucket, name);
  if (found === undefined) return undefined;
  const n = Number(/^\S+ (\d+)\n/.exec(found.toString('latin1', 0, 30))?.[1]);
  if (!found.equals(bodyOf(name, n))) throw new Error(`${name} is torn`);
  return n;
}

export async function readTagCount(ec2: EC2Client, taggedId: string): Promise<number> {
  const Filters = [{ Name: 'resource-id', Values: [taggedId] }];
  const { Tags } = await ec2.send(new DescribeTagsCommand({ Filters }));
  return Number(Tags?.find(({ Key }) => Key === 'count')?.Value ?? 0);
}

async function readObject(s3: S3Client, Bucket: string, Key: string): Promise<Buffer | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return Buffer.from(await Body!.transformToByteArray());
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}
