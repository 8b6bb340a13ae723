// Owns the type of one IAM action's implementation.

import type { IamAction, IamInput, IamOutput } from '@ironbark/protocol/iam/types.ts';
import type { App } from '../../app/app.ts';
import type { RequestContext } from '../action.ts';

export type IamHandler<Name extends IamAction> = (
  app: App,
  context: RequestContext,
  input: IamInput<Name>,
) => Promise<IamOutput<Name>>;

/** The handlers of some actions, each with its own types. */
export type IamHandlers<Name extends IamAction> = { readonly [One in Name]: IamHandler<One> };
