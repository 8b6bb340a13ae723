// Owns what browsers are told of a bucket's cross-origin rules: beside each answer, and in answer to a preflight.

import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type CorsQuestion,
  type CorsRule,
  corsHeaders,
  findCorsRule,
} from '@ironbark/protocol/s3/cors.ts';
import type { S3Response } from '../actions/action.ts';
import { getBucket } from '../app/access.ts';
import { type Bucket, readSetting } from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import type { Exchange } from './respond.ts';

/** Beside whatever is answered, errors too. */
export function tellOrigin({ request, response }: Exchange, bucket: Bucket): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const asked = singleHeader(request, 'access-control-request-method');
  const question = { origin, method: asked ?? request.method ?? '', headers: [] };
  const rule = findCorsRule(rulesOf(bucket), question);
  if (rule === undefined) return;
  for (const [name, value] of Object.entries(corsHeaders(rule, question))) {
    response.setHeader(name, value);
  }
}

/** OPTIONS, which nobody signs. */
export async function answerPreflight(
  context: ObjectsContext,
  request: IncomingMessage,
  bucketName: string,
): Promise<S3Response> {
  const question = readQuestion(request);
  const bucket = await getBucket(context, { name: bucketName });
  const rule = findCorsRule(rulesOf(bucket), question);
  if (rule !== undefined) return { status: 200, headers: corsHeaders(rule, question) };
  throw new ServiceError({
    kind: 'not-authorized',
    resource: 'cross-origin',
    message:
      'CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / ' +
      "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
  });
}

function readQuestion(request: IncomingMessage): CorsQuestion {
  const { origin } = request.headers;
  const method = singleHeader(request, 'access-control-request-method');
  if (origin === undefined || method === undefined) {
    throw new ServiceError({
      kind: 'operation-not-permitted',
      resource: 'request',
      message: 'Insufficient information. Origin and Access-Control-Request-Method headers needed.',
    });
  }
  const names = singleHeader(request, 'access-control-request-headers') ?? '';
  const headers = names.split(',').map((name) => name.trim().toLowerCase());
  return { origin, method, headers: headers.filter((name) => name !== '') };
}

function rulesOf(bucket: Bucket): readonly CorsRule[] {
  return readSetting<CorsRule[]>(bucket, 'cors') ?? [];
}

function singleHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
