// Owns the door that nodes on other hosts come to: one port, TLS alone. A host without a certificate may ask to join; one
// with a certificate answers the calls of this side over the connection, or fetches images.

import type { TLSSocket } from 'node:tls';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { NodeId } from '@ironbark/core/ids.ts';
import type { Identity } from '@ironbark/platform/certificates.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { type CallHandler, createCallHandler } from '@ironbark/platform/http/call-server.ts';
import { CALL_SESSION, openCallSession } from '@ironbark/platform/http/call-session.ts';
import { type HttpHandler, serveTaken } from '@ironbark/platform/http/server.ts';
import { findPeer, listenTls, type TlsListener } from '@ironbark/platform/http/tls-listener.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { GateKeeper } from '@ironbark/protocol/internal/nbd-gates.ts';
import {
  answerForGate,
  gateKeyCheck,
  type KnownGate,
} from '@ironbark/protocol/internal/wire/gate-wire.ts';
import { joinRequestCheck } from '@ironbark/protocol/internal/wire/join-wire.ts';
import {
  type ImageSource,
  imageSourceBytes,
} from '@ironbark/protocol/internal/wire/objects-wire.ts';
import type { VerbTable } from '@ironbark/protocol/internal/wire/transport.ts';
import type { Membership } from '../app/membership.ts';

export interface NodeDoorOptions {
  address: { host: string; port: number };
  identity: Identity;
  /** PEM. */
  authority: string;
  membership: Membership;
  images: ImageSource;
  gates: GateKeeper | undefined;
  clock: Clock;
  logger: Logger;
}

/** As long as the controllers wait for a node on their own host. */
const CALL_TIMEOUT_MS = 15_000;
/** A report of a full node has a few MiB. What a hostile one makes this side keep is a small multiple of it. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** A request to join, or the name of an image. */
const MAX_INPUT_BYTES = 16 * 1024;
const REQUESTS = 'http/1.1';
/** Whoever has no certificate asks one thing, to join, and has it at hand. */
const STRANGERS = { maxConnections: 64, maxConnectionsPerAddress: 8, requestTimeoutMs: 10_000 };

export async function openNodeDoor(options: NodeDoorOptions): Promise<TlsListener> {
  const { logger, membership } = options;
  const handlers = new WeakMap<object, CallHandler>();
  const handler: HttpHandler = (request, response) =>
    handlers.get(request.socket)!.handle(request, response);
  const requests = serveTaken({ logger, handler });
  const strangers = serveTaken({ logger, handler, ...STRANGERS });
  const peers = new PeerSockets();
  const stopFollowing = membership.onRemoval((id) => peers.endAll(id));
  const take = async (socket: TLSSocket) => {
    const fingerprint = findPeer(socket);
    const id = fingerprint === undefined ? undefined : await membership.findNode(fingerprint);
    if (socket.destroyed) return;
    if (socket.alpnProtocol === CALL_SESSION) {
      if (id === undefined) return refuse(socket, options);
      const limits = { clock: options.clock, timeoutMs: CALL_TIMEOUT_MS };
      const session = openCallSession(socket, { ...limits, maxAnswerBytes: MAX_ANSWER_BYTES });
      membership.attach(id, session, socket.remoteAddress);
      return;
    }
    const wasLost =
      id === undefined && fingerprint !== undefined && (await membership.wasLost(fingerprint));
    if (socket.destroyed) return;
    // It may have been removed since it was looked up.
    if (id !== undefined && !membership.has(id)) return refuse(socket, options);
    if (id !== undefined) peers.add(id, socket);
    const leaving: Peer['leaving'] = (work) =>
      id === undefined ? work() : peers.without(id, socket, work);
    const peer = { id, address: socket.remoteAddress ?? '', wasLost, leaving };
    handlers.set(socket, createHandler(options, peer));
    (id === undefined ? strangers : requests).take(socket);
  };
  const listener = await listenTls({
    ...options,
    protocols: [CALL_SESSION, REQUESTS],
    onConnection: (socket) => {
      take(socket).catch((error: unknown) => {
        logger.error('a connection of a node failed', { error });
        socket.destroy();
      });
    },
  });
  const dispose = async () => {
    stopFollowing();
    await requests[Symbol.asyncDispose]();
    await strangers[Symbol.asyncDispose]();
    await listener[Symbol.asyncDispose]();
  };
  return { port: listener.port, [Symbol.asyncDispose]: dispose };
}

/** Connections by which nodes ask: what they were let in as ends with their removal. */
class PeerSockets {
  readonly #sockets = new Map<NodeId, Set<TLSSocket>>();

  add(id: NodeId, socket: TLSSocket): void {
    const all = this.#sockets.get(id) ?? new Set();
    this.#sockets.set(id, all.add(socket));
    socket.once('close', () => {
      all.delete(socket);
      if (all.size === 0 && this.#sockets.get(id) === all) this.#sockets.delete(id);
    });
  }

  /** While it asks for its own removal it is to hear the answer. */
  async without<Result>(
    id: NodeId,
    socket: TLSSocket,
    work: () => Promise<Result>,
  ): Promise<Result> {
    this.#sockets.get(id)?.delete(socket);
    try {
      return await work();
    } catch (error) {
      if (!socket.destroyed) this.add(id, socket);
      throw error;
    }
  }

  endAll(id: NodeId): void {
    for (const socket of this.#sockets.get(id) ?? []) socket.destroy();
  }
}

/** Of a node that was removed, or nobody's. */
function refuse(socket: TLSSocket, { logger }: NodeDoorOptions): void {
  const { remoteAddress: address, authorizationError } = socket;
  logger.warn('a host that is no node was sent away', { address, reason: authorizationError });
  socket.destroy();
}

interface Peer {
  id: NodeId | undefined;
  address: string;
  wasLost: boolean;
  /** Does what removes it; its own connection stays for the answer. */
  leaving<Result>(work: () => Promise<Result>): Promise<Result>;
}

function createHandler(
  options: NodeDoorOptions,
  { id, address, wasLost, leaving }: Peer,
): CallHandler {
  const { membership, images, gates, logger } = options;
  const shared = { logger, maxInputBytes: MAX_INPUT_BYTES };
  if (id === undefined) {
    return createCallHandler({ ...shared, verbs: strangerVerbs(membership, address, wasLost) });
  }
  const own: ImageSource = {
    getObject: async (place) => {
      if (await membership.mayRead(id, place)) return await images.getObject(place);
      throw new ServiceError({
        kind: 'not-authorized',
        resource: 'object',
        message: 'No instance of this node has such an image.',
      });
    },
  };
  const verbs: VerbTable = {
    hello: async () => ({ isNode: true }),
    leave: () => leaving(() => membership.remove(id)),
    findGate: (input) => findGate({ membership, gates }, id, input),
  };
  return createCallHandler({ ...shared, verbs, byteVerbs: imageSourceBytes(own) });
}

/** What a node is told of the way to a volume: nothing once it was removed, also when it asked before. */
export async function findGate(
  { membership, gates }: { membership: Pick<Membership, 'has'>; gates: GateKeeper | undefined },
  id: NodeId,
  input: unknown,
): Promise<KnownGate | null> {
  const { withSize = false, ...key } = gateKeyCheck(input, '');
  const access = await gates?.findGate(id, key);
  if (!membership.has(id)) throw notMember();
  return answerForGate({ ...key, withSize }, access);
}

function notMember(): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'node',
    message: 'This host is no node of the cloud any more.',
  });
}

/** One that was removed as lost is told so: what still runs there has to end. */
function strangerVerbs(membership: Membership, address: string, wasLost: boolean): VerbTable {
  return {
    hello: async () => ({ isNode: false, ...(wasLost ? { wasLost } : {}) }),
    join: async (input) => {
      membership.requireProtocol(input);
      return await membership.join(joinRequestCheck(input, ''), address);
    },
  };
}
