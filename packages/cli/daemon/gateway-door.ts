// Owns the door that gateways on other hosts come to: one port, TLS alone, for those on the list. A gateway asks there who
// signed a request, for the keys of accounts, and to have its calls recorded.

import type { TLSSocket } from 'node:tls';
import { ServiceError } from '@ironbark/core/errors.ts';
import { type Clock, renderTime } from '@ironbark/platform/clock.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { createCallHandler } from '@ironbark/platform/http/call-server.ts';
import { answerCalls } from '@ironbark/platform/http/call-session.ts';
import { findPeer, listenTls, type TlsListener } from '@ironbark/platform/http/tls-listener.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import {
  GATEWAY_SESSION,
  type GatewayServices,
} from '@ironbark/protocol/internal/gateway-messages.ts';
import {
  gatewayVerbs,
  removedGatewayVerbs,
} from '@ironbark/protocol/internal/wire/gateway-wire.ts';
import type {
  GatewayAdmin,
  GatewayInvitation,
  GatewayRequest,
  ListedGateway,
} from './gateway-admin.ts';
import {
  type GatewayList,
  type KnownGateway,
  newGateway,
  newGatewayList,
  readGatewayList,
  saveGatewayList,
} from './gateway-list.ts';
import { GatewayRecords } from './gateway-records.ts';

export interface GatewayDoorOptions {
  /** The file of the list. */
  path: string;
  services: GatewayServices;
  /** Of Ironbark. */
  version: string;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
}

/** Beside the one of nodes. */
const USUAL_PORT = 8775;
const PORTS_TRIED = 20;
const AGAIN_MS = 5_000;
/** A hundred records of calls that name a hundred long keys each are more than a batch may have (GatewayLink). */
const MAX_INPUT_BYTES = 4 * 1024 * 1024;
const MAX_GATEWAYS = 256;

interface Visit {
  end: AbortController;
  address: string | undefined;
}

export class GatewayDoor implements GatewayAdmin, AsyncDisposable {
  readonly #options: GatewayDoorOptions;
  readonly #stop = new AbortController();
  /** By the gateway's fingerprint. */
  readonly #visits = new Map<string, Set<Visit>>();
  /** By the gateway's fingerprint. */
  readonly #records = new Map<string, GatewayRecords>();
  #list: GatewayList | undefined;
  #listener: TlsListener | undefined;
  #again: Promise<void> = Promise.resolve();
  #turn: Promise<unknown> = Promise.resolve();
  /** Why gateways cannot come in, for people. */
  problem: string | undefined;

  private constructor(options: GatewayDoorOptions) {
    this.#options = options;
  }

  /** An address that is not there yet, as while a host starts, keeps no cloud from starting. */
  static async open(options: GatewayDoorOptions): Promise<GatewayDoor> {
    const door = new GatewayDoor(options);
    door.#list = await readGatewayList(options.path);
    if (door.#list !== undefined) {
      await door.#listen(door.#list).catch((error: unknown) => door.#noteProblem(error));
      if (door.#listener === undefined) door.#again = door.#listenLater();
    }
    return door;
  }

  inviteGateway = (request: GatewayRequest) => this.#inTurn(() => this.#invite(request));
  removeGateway = ({ name }: { name: string }) => this.#inTurn(() => this.#remove(name));
  listGateways = async () => (this.#list?.gateways ?? []).map((each) => this.#describe(each));

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return await mine;
  }

  async #invite({ name, host, port }: GatewayRequest): Promise<GatewayInvitation> {
    const known = this.#list?.gateways ?? [];
    if (known.some((each) => each.name === name)) throw nameTaken(name);
    if (known.length >= MAX_GATEWAYS) throw tooMany();
    const list = await this.#listenAt(host, port);
    const { known: added, identity } = newGateway(list, name, this.#options);
    await this.#keep({ ...list, gateways: [...list.gateways, added] });
    this.#options.logger.info('a gateway was invited', { name });
    const { certificate: authority } = list.authority;
    return { name, front: { host: list.host, port: list.port }, authority, identity };
  }

  /** From when this resolves on its certificate is worth nothing. */
  async #remove(name: string): Promise<ListedGateway> {
    const list = this.#list;
    const gone = list?.gateways.find((each) => each.name === name);
    if (list === undefined || gone === undefined) throw noSuchGateway(name);
    const described = this.#describe(gone);
    await this.#keep({ ...list, gateways: list.gateways.filter((each) => each !== gone) });
    for (const { end } of this.#visits.get(gone.fingerprint) ?? []) end.abort();
    this.#records.delete(gone.fingerprint);
    this.#options.logger.info('a gateway was removed', { name });
    return described;
  }

  async #keep(list: GatewayList): Promise<void> {
    await saveGatewayList(this.#options.path, list);
    this.#list = list;
  }

  /** Gateways that were invited go on coming to the address that they know: moving the door is for one without any. */
  async #listenAt(host?: string, port?: number): Promise<GatewayList> {
    const list = this.#list ?? newGatewayList(this.#options);
    const isHost = host === undefined || host === list.host;
    const wanted = { host: host ?? list.host, port: port ?? (isHost ? list.port : 0) };
    if (wanted.host === '') throw noAddress();
    const isSame = isHost && wanted.port === list.port;
    if (isSame && this.#listener !== undefined) return list;
    const isMove = list.gateways.length > 0 && !isSame;
    if (isMove) throw otherAddress(list);
    await this.#listener?.[Symbol.asyncDispose]();
    this.#listener = undefined;
    const first = wanted.port === 0 ? USUAL_PORT : wanted.port;
    const last = wanted.port === 0 ? first + PORTS_TRIED : first;
    for (let each = first; ; each++) {
      try {
        await this.#listen({ ...list, host: wanted.host, port: each });
        return { ...list, host: wanted.host, port: each };
      } catch (error) {
        if (!hasCode(error, 'EADDRINUSE') || each === last)
          throw cannotListen(wanted.host, each, error);
      }
    }
  }

  async #listen(list: GatewayList): Promise<void> {
    const { logger } = this.#options;
    this.#listener = await listenTls({
      address: { host: list.host, port: list.port },
      identity: list.identity,
      authority: list.authority.certificate,
      protocols: [GATEWAY_SESSION],
      onConnection: (socket) => {
        this.#receive(socket).catch((error: unknown) => {
          logger.error('a connection of a gateway failed', { error });
          socket.destroy();
        });
      },
    });
    this.problem = undefined;
    logger.info('gateways on other hosts may come', { host: list.host, port: list.port });
  }

  async #listenLater(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#listener === undefined) {
      await this.#options.clock.sleep(AGAIN_MS, this.#stop.signal).catch(() => {});
      if (this.#stop.signal.aborted) return;
      await this.#inTurn(async () => {
        if (this.#listener === undefined && this.#list !== undefined)
          await this.#listen(this.#list);
      }).catch((error: unknown) => this.#noteProblem(error));
    }
  }

  #noteProblem(error: unknown): void {
    const { host, port } = this.#list!;
    this.problem = `gateways cannot come in: ${cannotListen(host, port, error).message}`;
    this.#options.logger.warn('the door for gateways cannot be opened', { host, port, error });
  }

  async #receive(socket: TLSSocket): Promise<void> {
    const fingerprint = findPeer(socket);
    if (fingerprint === undefined || socket.alpnProtocol !== GATEWAY_SESSION) {
      const { remoteAddress: address } = socket;
      this.#options.logger.warn('a host that is no gateway was sent away', { address });
      socket.destroy();
      return;
    }
    const known = this.#list?.gateways.find((each) => each.fingerprint === fingerprint);
    const { services, version, logger, clock } = this.#options;
    const verbs =
      known === undefined
        ? removedGatewayVerbs(version)
        : gatewayVerbs({ ...services, audit: this.#recordsOf(known) }, version);
    const handler = createCallHandler({ logger, verbs, maxInputBytes: MAX_INPUT_BYTES });
    const visit = { end: new AbortController(), address: socket.remoteAddress };
    const visits = this.#visits.get(fingerprint) ?? new Set();
    this.#visits.set(fingerprint, visits.add(visit));
    try {
      const signal = AbortSignal.any([this.#stop.signal, visit.end.signal]);
      await answerCalls(socket, handler, { clock, signal });
    } finally {
      visits.delete(visit);
      if (visits.size === 0) this.#visits.delete(fingerprint);
    }
  }

  #recordsOf({ name, fingerprint }: KnownGateway): GatewayRecords {
    const { services, clock, logger } = this.#options;
    const found = this.#records.get(fingerprint);
    const records = found ?? new GatewayRecords({ name, audit: services.audit, clock, logger });
    this.#records.set(fingerprint, records);
    return records;
  }

  #describe({ name, fingerprint, invitedAtMs }: KnownGateway): ListedGateway {
    const [visit] = this.#visits.get(fingerprint) ?? [];
    const address = visit?.address;
    return {
      name,
      isConnected: visit !== undefined,
      ...(address === undefined ? {} : { address }),
      invitedAt: renderTime(invitedAtMs),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#again;
    await this.#listener?.[Symbol.asyncDispose]();
  }
}

function refused(kind: ServiceError['kind'], message: string, cause?: unknown): ServiceError {
  return new ServiceError({ kind, resource: 'host', message, cause });
}

function nameTaken(name: string): ServiceError {
  return refused(
    'duplicate',
    `There is a gateway called ${name}; choose another name, or remove it.`,
  );
}

function tooMany(): ServiceError {
  return refused('limit-exceeded', `There are ${MAX_GATEWAYS} gateways; remove one that is gone.`);
}

function noSuchGateway(name: string): ServiceError {
  return refused('not-found', `The cloud has no gateway ${name}.`);
}

function noAddress(): ServiceError {
  return refused('missing-parameter', 'Gateways need an address of this host to come to.');
}

function otherAddress({ host, port }: GatewayList): ServiceError {
  return refused(
    'in-use',
    `Gateways that were invited come to ${host} port ${port}; remove them before they are to come elsewhere.`,
  );
}

function cannotListen(host: string, port: number, cause: unknown): ServiceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return refused('unavailable', `Cannot listen on ${host} port ${port}: ${why}.`, cause);
}
