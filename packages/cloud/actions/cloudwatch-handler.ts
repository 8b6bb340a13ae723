// Owns the type of one CloudWatch action's implementation.

import type {
  CloudwatchAction,
  CloudwatchInput,
  CloudwatchOutput,
} from '@ironbark/protocol/cloudwatch/types.ts';
import type { App } from '../app/app.ts';
import type { RequestContext } from './action.ts';

export type CloudwatchHandler<Name extends CloudwatchAction> = (
  app: App,
  context: RequestContext,
  input: CloudwatchInput<Name>,
) => Promise<CloudwatchOutput<Name>>;
