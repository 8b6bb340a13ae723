// Owns the way from a verified request to an action and back: authorise, decode, call, render.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { decodeRequest, findAction, readRequestHead } from '@ironbark/protocol/query/request.ts';
import type { WireProtocol } from '@ironbark/protocol/query/wire-protocol.ts';
import type { ActionTable } from '../actions/action.ts';
import { authorize } from '../app/access.ts';
import type { RequestFacts } from '../app/call-conditions.ts';
import type { TouchedResources } from './audit-resources.ts';
import type { RequestBuckets } from './request-buckets.ts';

export interface ApiService {
  /** As IAM calls it. */
  readonly name: string;
  readonly protocol: WireProtocol;
  readonly actions: ActionTable;
}

export interface Call {
  requestId: string;
  principal: Principal;
  region: string;
  /** Query string and form body. */
  sources: readonly string[];
  /** Told as soon as it is known, for the log. */
  onAction: (action: string) => void;
  /** Told which resources the call is about. */
  touched: TouchedResources;
  request: RequestFacts;
  buckets: RequestBuckets | undefined;
}

/** The XML of the answer; everything that goes wrong is thrown. */
export async function dispatch(service: ApiService, call: Call): Promise<string> {
  const model = service.protocol.model();
  const head = readRequestHead(model, ...call.sources);
  const operation = findAction(model, head.action);
  call.onAction(operation.name);
  const { accountId } = call.principal;
  call.buckets?.take({ accountId, service: service.name, action: operation.name });
  authorize({ ...call, service: service.name, action: operation.name });
  if (!service.actions.has(operation.name)) throw notOffered(operation.name);
  const { input, dryRun, version } = decodeRequest(model, head);
  call.touched.takeInput(input);
  const { requestId, principal, region, request } = call;
  const context = { requestId, principal, accountId, region, request, dryRun };
  const output = await service.actions.call(operation.name, context, input);
  call.touched.takeOutput(operation.name, output);
  if (dryRun) throw wouldHaveSucceeded();
  return service.protocol.renderResponse(operation, output, { requestId, version });
}

export function notOffered(action: string): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'action',
    message: `The operation ${action} exists in AWS, but this cloud does not offer it.`,
  });
}

/** For actions that change nothing and so need not look at DryRun themselves. */
function wouldHaveSucceeded(): ServiceError {
  return new ServiceError({
    kind: 'dry-run',
    resource: 'request',
    message: 'Request would have succeeded, but DryRun flag is set.',
  });
}
