// Owns how a list of actions becomes a table that can be called by name.

import { ServiceError } from '@ironbark/core/errors.ts';
import { type AuthorizedCall, authorizeCall } from '../app/access.ts';
import type { App } from '../app/app.ts';
import { dryRunSucceeded } from '../app/change.ts';
import type { ActionTable, RequestContext } from './action.ts';

type Call = (app: App, context: RequestContext, input: never) => Promise<unknown>;

/** `service` as IAM calls it. Every call is authorised before its action begins, or by what reads its launch template. */
export function createTable(
  app: App,
  service: string,
  handlers: Readonly<Record<string, Call>>,
): ActionTable {
  const names = Object.keys(handlers).sort();
  return {
    has: (action) => Object.hasOwn(handlers, action),
    names: () => names,
    call: async (action, context, input) => {
      if (!Object.hasOwn(handlers, action)) throw notImplemented(service, action);
      const call = { service, action, input };
      if (!asksItself(call)) await authorizeCall(app, context, call);
      const output = await handlers[action]!(app, context, input as never);
      // An action that changes something has thrown this from inside its transaction already.
      if (context.dryRun) throw dryRunSucceeded();
      return output;
    },
  };
}

/** What a launch is about is known once its template has been read. */
function asksItself({ service, action, input }: AuthorizedCall): boolean {
  const isLaunch = service === 'ec2' && action === 'RunInstances';
  return isLaunch && (Object(input) as { LaunchTemplate?: unknown }).LaunchTemplate !== undefined;
}

function notImplemented(service: string, action: string): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'action',
    message: `The action ${action.slice(0, 100)} of ${service} is not offered by this cloud.`,
  });
}
