// Owns PostObject: the upload from a browser's form, by whom its policy is signed, or by anybody where the bucket lets all.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  malformedForm,
  type PostForm,
  parseFormBoundary,
  readPostForm,
} from '@ironbark/protocol/s3/post-form.ts';
import { checkPostPolicy, type PostPolicy } from '@ironbark/protocol/s3/post-policy.ts';
import { renderPostResult } from '@ironbark/protocol/s3/results.ts';
import { MAX_OBJECT_TAGS, parseTagging } from '@ironbark/protocol/s3/tagging.ts';
import { encodePercentText } from '@ironbark/protocol/sigv4/percent.ts';
import { requireAccess } from '../app/access.ts';
import type { ByteSource } from '../app/byte-source.ts';
import type { ObjectsContext } from '../app/context.ts';
import { makeSeal } from '../app/encryption.ts';
import { requireKey } from '../app/keys.ts';
import type { ObjectVersion } from '../app/object-version.ts';
import { MAX_PUT_BYTES, putObject } from '../app/objects.ts';
import { type BucketAction, type BucketRequest, locationOf, type S3Response } from './action.ts';
import { readEncryptionWish } from './encryption-headers.ts';
import { findSigner, missingField } from './form-signature.ts';
import { readIntent } from './object-intent.ts';
import { writtenHeaders } from './put-object.ts';

const NO_LIMITS: PostPolicy = { minBytes: 0, maxBytes: undefined };

export const postObject: BucketAction = async (context, request) => {
  const boundary = parseFormBoundary(request.header('content-type'));
  if (boundary === undefined) throw malformedForm('it is not multipart/form-data');
  const body = request.openBody();
  const form = await readPostForm(body.chunks, boundary);
  const signer = await findSigner(context, form.fields);
  const principal = signer?.principal;
  if (signer !== undefined) request.signedBy(signer);
  const policy = form.fields.get('policy');
  const key = readKey(form);
  const fields = new Map([...form.fields, ['bucket', request.bucketName], ['key', key]]);
  const limits =
    policy === undefined ? NO_LIMITS : checkPostPolicy(policy, fields, context.clock.nowMs());
  const asked = describeForm(request, { form, principal, key });
  const { bucket, operation } = request;
  await requireAccess(context, asked, { bucket, operation, key });
  request.touch(key);
  const intent = await readIntent(context, asked);
  const tagging = form.fields.get('tagging');
  const tags =
    tagging === undefined ? intent.tags : parseTagging(Buffer.from(tagging), MAX_OBJECT_TAGS);
  const version = await putObject(context, {
    ...{ bucket, key, conditions: {} },
    intent: { ...intent, tags },
    source: limitSource(request.openForm(asked, form.file.chunks), limits),
    seal: await makeSeal(context, bucket, readEncryptionWish(context, asked, bucket)),
  });
  return describeResult(context, asked, { form, version });
};

/** `${filename}` stands for the name that the file had where it came from. */
function readKey({ fields, file }: PostForm): string {
  const key = fields.get('key');
  if (key === undefined) throw missingField('key');
  const name = file.name.split(/[/\\]/).at(-1) ?? '';
  return requireKey(key.replaceAll('${filename}', name));
}

interface FormFacts {
  form: PostForm;
  principal: BucketRequest['principal'];
  key: string;
}

/** The fields of the form stand for the headers of a PUT. */
function describeForm(request: BucketRequest, { form, principal, key }: FormFacts): BucketRequest {
  const headers = new Map<string, string>();
  for (const [name, value] of form.fields) headers.set(name, Buffer.from(value).toString('latin1'));
  const acl = headers.get('acl');
  if (acl !== undefined) headers.set('x-amz-acl', acl);
  const type = headers.get('content-type') ?? form.file.contentType;
  if (type !== undefined) headers.set('content-type', type);
  const own = ['host', 'user-agent', 'referer'];
  return {
    ...request,
    principal,
    key,
    header: (name) => headers.get(name) ?? (own.includes(name) ? request.header(name) : undefined),
    headerNames: () => [...headers.keys()],
  };
}

function limitSource(source: ByteSource, { minBytes, maxBytes }: PostPolicy): ByteSource {
  const limit = Math.min(maxBytes ?? MAX_PUT_BYTES, MAX_PUT_BYTES);
  return { ...source, chunks: countBytes(source.chunks, minBytes, limit) };
}

async function* countBytes(
  chunks: AsyncIterable<Uint8Array>,
  min: number,
  max: number,
): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const chunk of chunks) {
    count += chunk.length;
    if (count > max) throw wrongSize('too-large', 'exceeds the maximum allowed size');
    yield chunk;
  }
  if (count < min) throw wrongSize('too-small', 'is smaller than the minimum allowed size');
}

function describeResult(
  context: ObjectsContext,
  request: BucketRequest,
  { form, version }: { form: PostForm; version: ObjectVersion },
): S3Response {
  const { bucketName } = request;
  const { key, etag } = version;
  const { fields } = form;
  const headers = writtenHeaders(context, request.bucket, version);
  const redirect = fields.get('success_action_redirect') ?? fields.get('redirect');
  const target = redirect === undefined ? undefined : parseRedirect(redirect);
  if (target !== undefined) {
    const query = `bucket=${encodePercentText(bucketName)}&key=${encodePercentText(key)}&etag=%22${etag}%22`;
    const separator = target.includes('?') ? '&' : '?';
    return { status: 303, headers: { ...headers, location: `${target}${separator}${query}` } };
  }
  const location = locationOf(request, key);
  const shown = { ...headers, location };
  const status = fields.get('success_action_status');
  if (status === '200') return { status: 200, headers: shown };
  if (status !== '201') return { status: 204, headers: shown };
  const body = renderPostResult({ location, bucket: bucketName, key, etag });
  return { status: 201, headers: { ...shown, 'content-type': 'application/xml' }, body };
}

/** What is no address of the web is as if it were not given, as on AWS. */
function parseRedirect(text: string): string | undefined {
  return /^https?:\/\/[\x21-\x7e]+$/.test(text) && URL.canParse(text) ? text : undefined;
}

function wrongSize(kind: 'too-large' | 'too-small', what: string): ServiceError {
  return new ServiceError({ kind, resource: 'object', message: `Your proposed upload ${what}` });
}
