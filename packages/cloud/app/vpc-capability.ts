// Owns whether this cloud's nodes can build networks: what would have no effect is refused.

import { listNodes } from '../store/nodes.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import { ensureNodesKnown } from './capacity.ts';
import { type Caller, type Change, changeFor } from './change.ts';
import { notOffered } from './refusals.ts';

/** A change of what guests can reach, on behalf of a caller. */
export async function changeNetwork<Result>(
  app: App,
  caller: Caller,
  work: (change: Change) => Promise<Result>,
): Promise<Result> {
  await ensureNodesKnown(app);
  return changeFor(app, caller, async (inside) => {
    await requireVpcNodes(inside.tx);
    return work(inside);
  });
}

export async function requireVpcNodes(tx: Queries): Promise<void> {
  const cannot = (await listNodes(tx)).find((node) => node.keepsVpcs === 0);
  if (cannot === undefined) return;
  const reason =
    cannot.network === 'user'
      ? 'gives each guest user-mode networking, which has no groups, routes or addresses of its own'
      : 'keeps one network for all guests';
  throw notOffered(
    'A network of your own making',
    `The node ${cannot.hostname} ${reason}; nothing that you set would have an effect.`,
  );
}
