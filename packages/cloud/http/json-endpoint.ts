// Owns the endpoint of the services that speak AWS's JSON 1.1 protocol: authorisation, dispatch, answers.

import type { IncomingMessage } from 'node:http';
import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import { CLOUDTRAIL_WIRE } from '@ironbark/protocol/cloudtrail/wire.ts';
import type { JsonWire } from '@ironbark/protocol/document/json-wire.ts';
import { findAction } from '@ironbark/protocol/query/request.ts';
import { SERVICEQUOTAS_WIRE } from '@ironbark/protocol/servicequotas/wire.ts';
import type { ActionTable } from '../actions/action.ts';
import { authorize } from '../app/access.ts';
import { notOffered } from './dispatch.ts';
import {
  type Answer,
  createExchangeHandler,
  describeRequest,
  type Exchange,
  type ExchangeOptions,
  readSignedBody,
  verify,
} from './exchange.ts';

/** The names under which their requests are signed, which are IAM's names of them too. */
export const JSON_SERVICES = ['servicequotas', 'cloudtrail'] as const;
export type JsonService = (typeof JSON_SERVICES)[number];

const WIRES: Readonly<Record<JsonService, JsonWire>> = {
  servicequotas: SERVICEQUOTAS_WIRE,
  cloudtrail: CLOUDTRAIL_WIRE,
};

export type JsonEndpointOptions = ExchangeOptions & Readonly<Record<JsonService, ActionTable>>;

export function createJsonHandler(options: JsonEndpointOptions): HttpHandler {
  return createExchangeHandler<JsonService>(
    {
      guessService,
      serve: (exchange) => serve(exchange, options),
      renderError: (error, { service }) => WIRES[service].renderError(error),
    },
    options,
  );
}

/** For the form of an error, before the signature was looked at. */
function guessService({ headers }: IncomingMessage): JsonService {
  const scope = headers.authorization ?? '';
  return JSON_SERVICES.find((name) => scope.includes(`/${name}/aws4_request`)) ?? JSON_SERVICES[0];
}

async function serve(
  exchange: Exchange<JsonService>,
  options: JsonEndpointOptions,
): Promise<Answer> {
  const { request, requestId, touched } = exchange;
  const verified = await verify(exchange, { services: JSON_SERVICES, options });
  const service = verified.service as JsonService;
  exchange.service = service;
  const body = await readSignedBody(exchange, verified, { options });
  const wire = WIRES[service];
  const { method = 'GET', headers } = request;
  const operation = findAction(wire.model(), wire.findAction({ method, headers }));
  exchange.action = operation.name;
  const { principal } = verified;
  const { accountId } = principal;
  options.buckets?.take({ accountId, service, action: operation.name });
  authorize({ principal, service, action: operation.name });
  const table = options[service];
  if (!table.has(operation.name)) throw notOffered(operation.name);
  const input = wire.decode(operation, body);
  touched.takeInput(input);
  const facts = describeRequest(request);
  const { region } = options;
  const context = { requestId, principal, accountId, region, request: facts, dryRun: false };
  return wire.render(operation, Object(await table.call(operation.name, context, input)));
}
