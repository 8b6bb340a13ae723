// Owns the type of one EC2 action's implementation: AWS's own input and output, decoded.

import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import type { App } from '../app/app.ts';
import type { RequestContext } from './action.ts';

export type Ec2Handler<Name extends Ec2Action> = (
  app: App,
  context: RequestContext,
  input: Ec2Input<Name>,
) => Promise<Ec2Output<Name>>;
