// Owns the daemon of a host that has joined a cloud elsewhere: the node alone. Nobody can connect to it; it connects to
// the front end, whose calls it answers, and takes from them what a node takes from controllers on its own host.

import { ServiceError } from '@ironbark/core/errors.ts';
import { createCallHandler } from '@ironbark/platform/http/call-server.ts';
import { nodeVerbs } from '@ironbark/protocol/internal/wire/node-wire.ts';
import { remoteImageSource } from '@ironbark/protocol/internal/wire/objects-wire.ts';
import { type JoinedConfig, renderFront } from '../cloud-config.ts';
import { type ControllersAdmin, remoteAdmin } from './controllers-admin.ts';
import type { DaemonParts } from './daemon-parts.ts';
import { FrontLink } from './front-link.ts';
import { readNodeIdentity } from './node-identity.ts';
import { openNode } from './open-node.ts';
import { GUEST_GRACE_MS, type RunningCloud } from './running-cloud.ts';

/** Thousands of instances with their user data. */
const MAX_INTENT_BYTES = 64 * 1024 * 1024;
/** Within which a piece of an image has to come. */
const IMAGE_TIMEOUT_MS = 60_000;

export async function composeJoinedNode(
  options: DaemonParts,
  joined: JoinedConfig,
): Promise<RunningCloud> {
  await using starting = new AsyncDisposableStack();
  const { config, paths, clock, random, logger } = options;
  const identity = await readNodeIdentity(paths.nodeIdentity);
  const late: { link?: FrontLink } = {};
  const images = {
    call: () => Promise.reject(new Error('a node asks for images only')),
    callForBytes: async (verb: string, input: unknown) =>
      await late.link!.openCalls(IMAGE_TIMEOUT_MS).callForBytes(verb, input),
    onChange: () => () => {},
  };
  const opened = starting.use(await openNode({ ...options, objects: remoteImageSource(images) }));
  const { node, network } = opened;
  const { nodeId, vpcCidr } = config;
  // Volumes are served on the front end's host: what a document says of one here is refused.
  const bounds = { vpcCidr, exportSocket: () => undefined };
  const handler = createCallHandler({
    logger: logger.child({ service: 'node' }),
    verbs: nodeVerbs({ node: node.client, nodeId, bounds }),
    onChange: node.client.onChange,
    maxInputBytes: MAX_INTENT_BYTES,
  });
  const link = starting.use(
    new FrontLink({
      front: joined.front,
      identity,
      handler,
      ...{ clock, random, logger: logger.child({ service: 'front-link' }) },
    }),
  );
  late.link = link;
  const running = starting.move();
  const endpoint = renderFront(joined.front);
  return {
    endpoint,
    admin: absentAdmin(endpoint),
    node,
    front: () => ({ isConnected: link.isConnected }),
    listProblems: () =>
      link.problem === undefined ? [] : [`the front end ${endpoint}: ${link.problem}`],
    halt: async () => {
      await link[Symbol.asyncDispose]();
      await node.halt({ timeoutMs: GUEST_GRACE_MS });
      await network.removeAll();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What the controllers would answer is asked for where they are. */
function absentAdmin(endpoint: string): ControllersAdmin {
  const refuse = async () => {
    throw new ServiceError({
      kind: 'operation-not-permitted',
      resource: 'host',
      message: `This host is a node of the cloud at ${endpoint}; ask for that there.`,
    });
  };
  const unused = { callForBytes: refuse, onChange: () => () => {} };
  const nothing = { accountId: 'known to the front end', counts: {}, loginUsers: {}, failures: [] };
  return { ...remoteAdmin({ call: refuse, ...unused }), describe: async () => nothing };
}
