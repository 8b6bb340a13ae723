// Owns the endpoint of CloudWatch: authorisation, dispatch, and answers in the protocol that the client speaks.

import type { HttpHandler } from '@ironbark/platform/http/server.ts';
import { chooseWire } from '@ironbark/protocol/cloudwatch/choose-wire.ts';
import { cloudwatchModel } from '@ironbark/protocol/cloudwatch/model.ts';
import { findAction } from '@ironbark/protocol/query/request.ts';
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
import { inflateBody } from './inflate-body.ts';

export interface CloudwatchEndpointOptions extends ExchangeOptions {
  cloudwatch: ActionTable;
}

/** The name under which its requests are signed. IAM calls it `cloudwatch`. */
const SIGNED_AS = 'monitoring';

export function createCloudwatchHandler(options: CloudwatchEndpointOptions): HttpHandler {
  return createExchangeHandler<typeof SIGNED_AS>(
    {
      guessService: () => SIGNED_AS,
      serve: (exchange) => serve(exchange, options),
      renderError: (error, { request, requestId }) =>
        chooseWire(request.headers).renderError(error, requestId),
    },
    options,
  );
}

async function serve(
  exchange: Exchange<typeof SIGNED_AS>,
  options: CloudwatchEndpointOptions,
): Promise<Answer> {
  const { request, requestId, touched } = exchange;
  const { method = 'GET', url: target = '/', headers } = request;
  const verified = await verify(exchange, { services: [SIGNED_AS], options });
  const body = await inflateBody(await readSignedBody(exchange, verified, { options }), headers);
  const wire = chooseWire(headers);
  const opened = wire.open({ method, target, headers, body });
  const operation = findAction(cloudwatchModel(), opened.action);
  exchange.action = operation.name;
  const { region, cloudwatch } = options;
  const { principal } = verified;
  const { accountId } = principal;
  options.buckets?.take({ accountId, service: 'cloudwatch', action: operation.name });
  authorize({ principal, service: 'cloudwatch', action: operation.name });
  if (!cloudwatch.has(operation.name)) throw notOffered(operation.name);
  const input = opened.decode(operation);
  touched.takeInput(input);
  const facts = describeRequest(request);
  const context = { requestId, principal, accountId, region, request: facts, dryRun: false };
  const output = await cloudwatch.call(operation.name, context, input);
  return wire.render(operation, Object(output), requestId);
}
