// Owns serving buckets as websites, under host names of their own: `BUCKET.s3-website.DOMAIN`. Whoever asks is nobody; what
// is not there or not for everybody is an error page or a redirection.
// Source: AWS, "Website endpoints".

import type { IncomingMessage } from 'node:http';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { toS3Error } from '@ironbark/protocol/s3/errors.ts';
import {
  findRule,
  locationOf,
  type RedirectQuestion,
  redirectionOf,
  type Website,
} from '@ironbark/protocol/s3/website.ts';
import type { BucketRequest, S3Request, S3Response } from '../actions/action.ts';
import { getObject, headObject } from '../actions/get-object.ts';
import { getBucket, requireAccess } from '../app/access.ts';
import { type Bucket, getSetting } from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import { findHostBucket } from './request.ts';
import { isStream } from './respond.ts';

/** The bucket whose website this host is. */
export function findSite(
  { headers }: IncomingMessage,
  domains: readonly string[],
  region: string,
): string | undefined {
  const name = findHostBucket(headers.host ?? '', domains);
  const endings = ['.s3-website', `.s3-website-${region}`, `.s3-website.${region}`];
  const ending = endings.find((each) => name?.endsWith(each));
  return ending === undefined ? undefined : name!.slice(0, -ending.length);
}

export interface SiteVisit {
  method: string;
  site: string;
  host: string;
  key: string;
  /** As one that nobody has signed. */
  described: Omit<S3Request, 'operation'>;
  requestId: string;
  hostId: string;
  onBucket(bucket: Bucket): void;
}

export async function serveWebsite(context: ObjectsContext, visit: SiteVisit): Promise<S3Response> {
  try {
    if (visit.method !== 'GET' && visit.method !== 'HEAD') throw notAllowed(visit.method);
    const bucket = await getBucket(context, { name: visit.site });
    visit.onBucket(bucket);
    return await new Visitor(context, visit, bucket).serve();
  } catch (error) {
    if (!isServiceError(error) || error.kind === 'not-modified') throw error;
    return renderErrorPage(error, visit);
  }
}

class Visitor {
  readonly #context: ObjectsContext;
  readonly #visit: SiteVisit;
  readonly #bucket: Bucket;
  readonly #site: Website;

  constructor(context: ObjectsContext, visit: SiteVisit, bucket: Bucket) {
    this.#context = context;
    this.#visit = visit;
    this.#bucket = bucket;
    this.#site = getSetting<Website>(bucket, 'website');
  }

  async serve(): Promise<S3Response> {
    const { key } = this.#visit;
    const { redirectAll: all, indexSuffix = '' } = this.#site;
    if (all !== undefined) return redirect(301, locationOf(all.protocol, all.hostName, key));
    const rule = this.#findRedirection({ key, errorStatus: undefined });
    if (rule !== undefined) return rule;
    const isFolder = key === '' || key.endsWith('/');
    try {
      return followRedirect(await this.#fetch(isFolder ? key + indexSuffix : key));
    } catch (error) {
      const status = isServiceError(error) ? toS3Error(error).status : 500;
      if (status !== 403 && status !== 404) throw error;
      if (!isFolder && (await this.#has(`${key}/${indexSuffix}`))) {
        return redirect(302, `/${key.split('/').map(encodeURIComponent).join('/')}/`);
      }
      return await this.#answerError(error as ServiceError, status);
    }
  }

  #findRedirection(question: RedirectQuestion): S3Response | undefined {
    const rule = findRule(this.#site, question);
    if (rule === undefined) return undefined;
    const { status, location } = redirectionOf(rule, question.key, this.#visit.host);
    return redirect(status, location);
  }

  /** A rule, the site's own page, or ours. */
  async #answerError(error: ServiceError, errorStatus: number): Promise<S3Response> {
    const { key } = this.#visit;
    const rule = this.#findRedirection({ key, errorStatus });
    const { errorKey } = this.#site;
    if (rule !== undefined) return rule;
    if (errorKey === undefined || !(await this.#has(errorKey))) throw error;
    // What the request says of ranges and versions is not about this one.
    const page = await this.#fetch(errorKey, { header: () => undefined });
    return { ...page, status: errorStatus, errorCode: toS3Error(error).code };
  }

  async #has(key: string): Promise<boolean> {
    try {
      await headObject(this.#context, await this.#request(key, { header: () => undefined }));
      return true;
    } catch (error) {
      if (isServiceError(error)) return false;
      throw error;
    }
  }

  async #fetch(key: string, other: Partial<BucketRequest> = {}): Promise<S3Response> {
    const request = await this.#request(key, other);
    return await (this.#visit.method === 'HEAD' ? headObject : getObject)(this.#context, request);
  }

  async #request(key: string, other: Partial<BucketRequest>): Promise<BucketRequest> {
    const bucket = this.#bucket;
    const operation = 'GetObject';
    const named = { ...this.#visit.described, key, operation, bucket, query: new Map() };
    await requireAccess(this.#context, named, { bucket, operation, key });
    return { ...named, ...other };
  }
}

/** What an object says of where it is instead. */
function followRedirect(response: S3Response): S3Response {
  const location = response.headers?.['x-amz-website-redirect-location'];
  if (location === undefined) return response;
  if (isStream(response.body)) response.body[Symbol.dispose]();
  return redirect(301, location);
}

function redirect(status: number, location: string): S3Response {
  return { status, headers: { location }, body: '' };
}

function notAllowed(method: string): ServiceError {
  return new ServiceError({
    kind: 'unknown-action',
    resource: 'action',
    message: 'The specified method is not allowed against this resource.',
    details: { Method: method.slice(0, 32), ResourceType: 'OBJECT' },
  });
}

function renderErrorPage(error: ServiceError, { requestId, hostId }: SiteVisit): S3Response {
  const { code, status } = toS3Error(error);
  const facts = { Code: code, Message: error.message, ...error.details };
  const items = Object.entries({ ...facts, RequestId: requestId, HostId: hostId });
  const list = items.map(([name, text]) => `<li>${escapeHtml(name)}: ${escapeHtml(text)}</li>`);
  const body = `<html>\n<head><title>${status} ${code}</title></head>\n<body>\n<h1>${status} ${code}</h1>\n<ul>\n${list.join('\n')}\n</ul>\n<hr/>\n</body>\n</html>\n`;
  return { status, errorCode: code, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
