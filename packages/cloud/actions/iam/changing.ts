// Owns the shape of the actions that find one thing by the request, change something of it, and answer nothing.

import type { App } from '../../app/app.ts';
import { type Change, changeFor } from '../../app/change.ts';
import type { Queries } from '../../store/store.ts';
import type { RequestContext } from '../action.ts';

export type Find<Input, Found> = (db: Queries, accountId: string, input: Input) => Promise<Found>;

/** The same for whatever is found, by whatever of the request names it. */
export function changing<Found, Wish>(
  work: (change: Change, found: Found, wish: Wish) => Promise<void>,
) {
  return <Input extends Wish>(
    find: Find<Input, Found>,
    app: App,
    context: RequestContext,
    input: Input,
  ): Promise<object> =>
    changeFor(app, context, async (change) => {
      await work(change, await find(change.tx, context.accountId, input), input);
      return {};
    });
}
