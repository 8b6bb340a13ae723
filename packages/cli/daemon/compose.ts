// Owns the embedded cloud in one process, joined by the same contracts that join its services elsewhere: for whoever
// has no root, and for guests that are simulated. With root, privileged.ts has the node and starts the controllers.

import { type Controllers, startControllers } from './controllers.ts';
import { controllersAdmin } from './controllers-admin.ts';
import type { DaemonParts } from './daemon-parts.ts';
import { readKeyringSource } from './keyring-source.ts';
import { readSharedObjects } from './objects-source.ts';
import { type OpenedNode, openNode } from './open-node.ts';
import { GUEST_GRACE_MS, type RunningCloud } from './running-cloud.ts';
import { moveStorageState } from './storage-state.ts';

/** With its services at hand, for whoever is in the same process. */
export interface EmbeddedCloud extends RunningCloud, Pick<Controllers, 'cloud' | 'objects'> {}

export async function composeCloud(options: DaemonParts): Promise<EmbeddedCloud> {
  await using starting = new AsyncDisposableStack();
  await moveStorageState(options.paths);
  let opened: OpenedNode | undefined;
  const controllers = await startControllers({
    ...options,
    keyring: await readKeyringSource(options.config, options.paths),
    sharedObjects: await readSharedObjects(options.config),
    openNode: async (objects) => {
      opened = starting.use(await openNode({ ...options, objects }));
      return opened.node.client;
    },
  });
  starting.use(controllers);
  const { node, network } = opened!;
  const running = starting.move();
  const { endpoint, cloud, objects } = controllers;
  return {
    ...{ endpoint, cloud, objects },
    admin: controllersAdmin(controllers, options.config),
    node,
    halt: async () => {
      // Guests first, then what they stood on.
      await node.halt({ timeoutMs: GUEST_GRACE_MS });
      await controllers.storage.halt();
      await network.removeAll();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
