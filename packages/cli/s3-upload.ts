// Owns how the command line puts a file into a bucket: one signed, streamed PUT.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import type { Credentials } from './daemon/admin-api.ts';
import { Problem } from './problem.ts';

export interface S3Uploader {
  ensureBucket(bucket: string): Promise<void>;
  putFile(bucket: string, key: string, path: string): Promise<void>;
  putJson(bucket: string, key: string, value: unknown): Promise<void>;
}

export function createUploader(credentials: Credentials, nowMs: () => number): S3Uploader {
  const put = async (path: string, body: Body): Promise<{ status: number; text: string }> =>
    await send(credentials, nowMs, path, body);
  const putOrFail = async (path: string, body: Body) => check(path, await put(path, body));
  return {
    ensureBucket: async (bucket) => {
      const answer = await put(bucket, bytesBody(''));
      if (!answer.text.includes('BucketAlreadyOwnedByYou')) check(bucket, answer);
    },
    putFile: async (bucket, key, path) => await putOrFail(`${bucket}/${key}`, await fileBody(path)),
    putJson: async (bucket, key, value) =>
      await putOrFail(`${bucket}/${key}`, bytesBody(JSON.stringify(value, null, 2))),
  };
}

interface Body {
  sha256: string;
  sizeBytes: number;
  open(): Readable;
}

function bytesBody(text: string): Body {
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    sha256,
    sizeBytes: bytes.length,
    open: () => Readable.from(bytes.length === 0 ? [] : [bytes]),
  };
}

async function fileBody(path: string): Promise<Body> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const { size } = await stat(path);
  return { sha256: hash.digest('hex'), sizeBytes: size, open: () => createReadStream(path) };
}

async function send(
  credentials: Credentials,
  nowMs: () => number,
  path: string,
  body: Body,
): Promise<{ status: number; text: string }> {
  const url = new URL(
    `/${path.split('/').map(encodeURIComponent).join('/')}`,
    credentials.endpoint,
  );
  const headers = signRequest({
    method: 'PUT',
    url,
    headers: { 'content-length': String(body.sizeBytes) },
    body: '',
    payloadHash: body.sha256,
    service: 's3',
    region: credentials.region,
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    nowMs: nowMs(),
  });
  const outgoing = request(url, { method: 'PUT', headers });
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
  });
  const [answer] = await Promise.all([answered, pipeline(body.open(), outgoing)]);
  return answer;
}

function check(path: string, answer: { status: number; text: string }): void {
  if (answer.status < 300) return;
  const code = answer.text.match(/<Code>([^<]*)<\/Code>/)?.[1] ?? `status ${answer.status}`;
  const message = answer.text.match(/<Message>([^<]*)<\/Message>/)?.[1] ?? '';
  throw new Problem(`the object store refused ${path}: ${code} ${message}`.trim());
}
