// Owns the one address that clients use: it reads which AWS service a request was signed for and passes it on.
// It decides nothing about identity; the service that gets the request verifies it whole.

import type { IncomingMessage } from 'node:http';
import { JSON_SERVICES } from '@ironbark/cloud/http/json-endpoint.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';

export interface FrontServices {
  /** EC2, STS: the Query services. */
  api: HttpHandler;
  /** The EBS direct APIs. */
  blocks: HttpHandler;
  /** CloudWatch. */
  metrics: HttpHandler;
  /** Those with AWS's JSON protocol. */
  json: HttpHandler;
  /** S3. */
  objects: HttpHandler;
}

export function createFront(services: FrontServices): HttpHandler {
  return async (request, response) => {
    const service = signedService(request);
    if (service === undefined ? !looksLikeQuery(request) : service === 's3') {
      await services.objects(request, response);
      return;
    }
    // Query requests are small and always welcome; S3 answers the expectation itself.
    if (request.headers.expect !== undefined) response.writeContinue();
    await chooseHandler(services, service)(request, response);
  };
}

function chooseHandler(services: FrontServices, service: string | undefined): HttpHandler {
  if (service === 'ebs') return services.blocks;
  if (JSON_SERVICES.some((name) => name === service)) return services.json;
  return service === 'monitoring' ? services.metrics : services.api;
}

/** The service in the credential scope `KEY/date/region/service/aws4_request`, wherever it stands. */
function signedService(request: IncomingMessage): string | undefined {
  const { authorization } = request.headers;
  const [, fromHeader] = authorization?.split('Credential=', 2) ?? [];
  if (fromHeader !== undefined) return serviceOf(fromHeader.split(/[,\s]/, 1)[0]!);
  const query = request.url?.split('?', 2)[1];
  const fromQuery = query && new URLSearchParams(query).get('X-Amz-Credential');
  return fromQuery ? serviceOf(fromQuery) : undefined;
}

/** By splitting: a pattern that searches takes quadratic time over a header made for that. */
function serviceOf(credential: string): string | undefined {
  const [service, terminator] = credential.split('/').slice(-2);
  return terminator === 'aws4_request' ? service : undefined;
}

function looksLikeQuery(request: IncomingMessage): boolean {
  const [path, query] = (request.url ?? '/').split('?', 2);
  if (path !== '/') return false;
  const isForm =
    request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return (
    (request.method === 'POST' && (isForm || !isMultipart(request))) ||
    new URLSearchParams(query).has('Action')
  );
}

/** A browser's form upload to a bucket is multipart/form-data. */
function isMultipart(request: IncomingMessage): boolean {
  return request.headers['content-type']?.startsWith('multipart/form-data') === true;
}
