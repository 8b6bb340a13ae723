// Owns the shape of an API action: decoded input and who asks in, EC2's own output out.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { RequestFacts } from '../app/call-conditions.ts';

export interface RequestContext {
  requestId: string;
  principal: Principal;
  accountId: AccountId;
  region: string;
  /** Where it came from; absent for calls from inside. */
  request?: RequestFacts;
  /** Set by DryRun=true: authorise and validate, then throw kind `dry-run` before changing anything. */
  dryRun: boolean;
}

/** One API action. Input is already checked against the model: types, enums and required members. */
export type Action<Input, Output> = (context: RequestContext, input: Input) => Promise<Output>;

/** Every implemented action of one service by its AWS name. Nothing else is dispatched. */
export interface ActionTable {
  has(action: string): boolean;
  names(): readonly string[];
  call(action: string, context: RequestContext, input: unknown): Promise<unknown>;
}
