// Owns the type of one STS action's implementation.

import type { StsAction, StsInput, StsOutput } from '@ironbark/protocol/sts/types.ts';
import type { App } from '../app/app.ts';
import type { RequestContext } from './action.ts';

export type StsHandler<Name extends StsAction> = (
  app: App,
  context: RequestContext,
  input: StsInput<Name>,
) => Promise<StsOutput<Name>>;
