// Owns the endpoint of the EBS direct APIs: authorisation, dispatch, and answers in AWS's REST-JSON form.

import type { IncomingMessage } from 'node:http';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import { renderEbsError } from '@ironbark/protocol/ebs/errors.ts';
import { readEbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import type { EbsActions, EbsAnswer } from '../actions/ebs-handler.ts';
import { authorize } from '../app/access.ts';
import {
  type Answer,
  createExchangeHandler,
  describeRequest,
  type Exchange,
  type ExchangeOptions,
  readSignedBody,
  verify,
} from './exchange.ts';

export interface EbsEndpointOptions extends ExchangeOptions {
  ebs: EbsActions;
}

export function createEbsHandler(options: EbsEndpointOptions): HttpHandler {
  return createExchangeHandler<'ebs'>(
    {
      guessService: () => 'ebs',
      serve: async (exchange) => render(await serve(exchange, options)),
      renderError,
      isDataPlane: true,
    },
    options,
  );
}

const JSON_TYPE = { 'content-type': 'application/json' };

function renderError(error: unknown): Answer {
  const { status, code, body } = renderEbsError(error);
  const headers = { ...JSON_TYPE, 'x-amzn-errortype': code };
  return { status, code, body: Buffer.from(body), headers };
}

function render(answer: EbsAnswer): Answer {
  if ('json' in answer) {
    const { status = 200, headers } = answer;
    const body = Buffer.from(JSON.stringify(answer.json));
    return { status, body, headers: { ...JSON_TYPE, ...headers } };
  }
  const headers = { 'content-type': 'application/octet-stream', ...answer.headers };
  return { status: 200, body: answer.bytes, headers };
}

async function serve(exchange: Exchange<'ebs'>, options: EbsEndpointOptions): Promise<EbsAnswer> {
  const { request, requestId, touched } = exchange;
  const { method = 'GET', url = '/' } = request;
  const verified = await verify(exchange, { services: ['ebs'], options });
  // AWS's clients sign blocks without their bytes, for which they send a checksum.
  const mayBeUnsigned = method === 'PUT';
  const body = await readSignedBody(exchange, verified, { options, mayBeUnsigned });
  const asked = readEbsRequest(method, url, { headers: readHeaders(request), body });
  exchange.action = asked.operation;
  touched.takeInput([asked.snapshotId, asked.query.get('firstSnapshotId')]);
  const { region } = options;
  const { principal } = verified;
  authorize({ principal, service: 'ebs', action: asked.operation });
  const { accountId } = principal;
  const facts = describeRequest(request);
  const context = { requestId, principal, accountId, region, request: facts, dryRun: false };
  return options.ebs(context, asked);
}

function readHeaders({ headers }: IncomingMessage): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as const] : [],
    ),
  );
}
