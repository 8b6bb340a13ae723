// Owns the API endpoint of EC2, STS and IAM: limits, dispatch, and errors in each protocol's form.

import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import { EC2_PROTOCOL } from '@ironbark/protocol/ec2/protocol.ts';
import { IAM_PROTOCOL } from '@ironbark/protocol/iam/protocol.ts';
import { STS_PROTOCOL } from '@ironbark/protocol/sts/protocol.ts';
import type { ActionTable } from '../actions/action.ts';
import { type ApiService, dispatch } from './dispatch.ts';
import {
  type Answer,
  createExchangeHandler,
  describeRequest,
  type Exchange,
  type ExchangeOptions,
  readSignedBody,
  verify,
} from './exchange.ts';

export interface ApiOptions extends ExchangeOptions {
  ec2: ActionTable;
  sts: ActionTable;
  iam: ActionTable;
}

type ServiceName = 'ec2' | 'sts' | 'iam';
const SERVICES: readonly ServiceName[] = ['ec2', 'sts', 'iam'];
type Services = Readonly<Record<ServiceName, ApiService>>;

export function createApiHandler(options: ApiOptions): HttpHandler {
  const services: Services = {
    ec2: { name: 'ec2', protocol: EC2_PROTOCOL, actions: options.ec2 },
    sts: { name: 'sts', protocol: STS_PROTOCOL, actions: options.sts },
    iam: { name: 'iam', protocol: IAM_PROTOCOL, actions: options.iam },
  };
  return createExchangeHandler<ServiceName>(
    {
      guessService,
      serve: async (exchange) => render(200, await serve(exchange, services, options)),
      renderError: (error, { service, requestId }) => {
        const { status, body, code } = services[service].protocol.renderError(error, requestId);
        return { ...render(status, body), code };
      },
    },
    options,
  );
}

function render(status: number, body: string): Answer {
  const headers = { 'content-type': 'text/xml;charset=UTF-8' };
  return { status, body: Buffer.from(body, 'utf8'), headers };
}

async function serve(
  exchange: Exchange<ServiceName>,
  services: Services,
  options: ApiOptions,
): Promise<string> {
  const { request, requestId } = exchange;
  const verified = await verify(exchange, { services: SERVICES, options });
  exchange.service = verified.service as ServiceName;
  requireForm(request);
  const body = await readSignedBody(exchange, verified, { options });
  return await dispatch(services[exchange.service], {
    requestId,
    principal: verified.principal,
    region: options.region,
    sources: [targetQuery(request), body.toString('utf8')],
    touched: exchange.touched,
    request: describeRequest(request),
    buckets: options.buckets,
    onAction: (action) => {
      exchange.action = action;
    },
  });
}

const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** GET with everything in the query string, or POST of a form; SOAP and JSON are other protocols. */
function requireForm(request: IncomingMessage): void {
  const [path] = (request.url ?? '/').split('?', 1);
  const { method, headers } = request;
  const isForm = headers['content-type'] === undefined || FORM.test(headers['content-type']);
  if (path === '/' && (method === 'GET' || (method === 'POST' && isForm))) return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'request',
    message:
      'This endpoint takes GET and POST requests to / in the AWS query protocol ' +
      '(application/x-www-form-urlencoded); SOAP and others are not supported.',
  });
}

function targetQuery(request: IncomingMessage): string {
  const target = request.url ?? '/';
  const at = target.indexOf('?');
  return at < 0 ? '' : target.slice(at + 1);
}

function guessService(request: IncomingMessage): ServiceName {
  const query = targetQuery(request);
  const signed = request.headers.authorization ?? query;
  const [, signedFor] = /(?:\/|%2F)(sts|iam)(?:\/|%2F)aws4_request/i.exec(signed) ?? [];
  if (signedFor !== undefined) return signedFor.toLowerCase() as ServiceName;
  if (/Version=2011-06-15/.test(query)) return 'sts';
  return /Version=2010-05-08/.test(query) ? 'iam' : 'ec2';
}
