// Owns how a list of actions becomes a table that can be called by name.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { App } from '../app/app.ts';
import { dryRunSucceeded } from '../app/change.ts';
import type { ActionTable, RequestContext } from './action.ts';

type Call = (app: App, context: RequestContext, input: never) => Promise<unknown>;

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
      const output = await handlers[action]!(app, context, input as never);
      // An action that changes something has thrown this from inside its transaction already.
      if (context.dryRun) throw dryRunSucceeded();
      return output;
    },
  };
}

function notImplemented(service: string, action: string): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'action',
    message: `The action ${action.slice(0, 100)} of ${service} is not offered by this cloud.`,
  });
}
