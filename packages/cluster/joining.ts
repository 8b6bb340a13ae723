// Owns the way from another host into the zone: the authority that knows nodes, the door, and what an administrator
// does with both. The door opens with the first token that is asked for, and stays open.

import { ServiceError } from '@ironbark/core/errors.ts';
import { isUnicast, parseIpv4 } from '@ironbark/core/ipv4.ts';
import {
  fingerprintOf,
  type Identity,
  issueCertificate,
  makeAuthority,
  newKeyPair,
} from '@ironbark/platform/certificates.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { FRONT_NAME, type TlsListener } from '@ironbark/platform/http/tls-listener.ts';
import { type CloudTerms, renderJoinToken } from '@ironbark/protocol/internal/join-messages.ts';
import type { GateKeeper } from '@ironbark/protocol/internal/nbd-gates.ts';
import type { ImageSource } from '@ironbark/protocol/internal/wire/objects-wire.ts';
import type { ClusterContext } from './app/context.ts';
import { makeJoinToken } from './app/join-tokens.ts';
import { type InstancesElsewhere, Membership, type ZoneNode } from './app/membership.ts';
import { openNodeDoor } from './http/node-door.ts';
import { type DoorRow, findDoor, putDoor } from './store/door.ts';

export interface JoiningOptions {
  terms: CloudTerms;
  /** Of Ironbark. */
  version: string;
  images: ImageSource;
  /** Absent: no volume is opened to nodes on other hosts. */
  gates?: GateKeeper;
  /** Of the authority; for people. */
  cloudName: string;
}

export interface TokenRequest {
  /** Where nodes come to; absent: where they do already. */
  host?: string;
  /** Absent: the usual one, or the next free one. */
  port?: number;
}

export interface JoinInvitation {
  endpoint: string;
  token: string;
  /** Of the cloud's authority: SHA-256 in hexadecimal, which the token holds too. */
  fingerprint: string;
  expiresAt: string;
}

/** What an administrator does with nodes. */
export interface NodeAdmin {
  makeJoinToken(request: TokenRequest): Promise<JoinInvitation>;
  /** Where nodes come to; without `endpoint` while nobody has asked for a token. */
  findDoor(): Promise<{ endpoint?: string }>;
  listNodes(): Promise<ZoneNode[]>;
  listElsewhere(): Promise<InstancesElsewhere[]>;
  drainNode(request: { name: string }): Promise<ZoneNode>;
  resumeNode(request: { name: string }): Promise<ZoneNode>;
  /** `isLost`: it is away for good, and the instances that are placed on it are over with it. */
  removeNode(request: { name: string; isLost?: boolean }): Promise<ZoneNode>;
}

export interface Joining extends NodeAdmin, AsyncDisposable {
  /** Why nodes on other hosts cannot come in, for people; undefined while they can, or none was to. */
  readonly problem: string | undefined;
  /** IPv4 of this host, by which others reach it; undefined while none is known. */
  readonly ownAddress: string | undefined;
}

/** Beside the API's. */
const USUAL_PORT = 8774;
const PORTS_TRIED = 20;
const AGAIN_MS = 5_000;

export async function openJoining(
  context: ClusterContext,
  options: JoiningOptions,
): Promise<Joining> {
  const membership = await Membership.open(context, options);
  const joining = new ZoneJoining(context, options, membership);
  await joining.resume();
  return joining;
}

class ZoneJoining implements Joining {
  readonly #context: ClusterContext;
  readonly #options: JoiningOptions;
  readonly #membership: Membership;
  readonly #stop = new AbortController();
  #door: { row: DoorRow; listener: TlsListener; openedMs: number } | undefined;
  /** As it is written down, whether the door is open or not: where this host is does not depend on that. */
  #host: string | undefined;
  #again: Promise<void> = Promise.resolve();
  #turn: Promise<unknown> = Promise.resolve();
  problem: string | undefined;

  constructor(context: ClusterContext, options: JoiningOptions, membership: Membership) {
    this.#context = context;
    this.#options = options;
    this.#membership = membership;
  }

  /** An address that is not there yet, as while a host starts, keeps no cloud from starting. */
  async resume(): Promise<void> {
    const row = await findDoor(this.#context.database.query);
    if (row === undefined) return;
    this.#host = row.host;
    try {
      await this.#open(row);
    } catch (error) {
      this.#noteProblem(row, error);
      this.#again = Promise.all([this.#again, this.#openLater(row)]).then(() => {});
    }
  }

  get ownAddress(): string | undefined {
    const host = this.#host;
    const address = host === undefined ? undefined : parseIpv4(host);
    return address !== undefined && isUnicast(address) ? host : undefined;
  }

  get #listeningMs(): number | undefined {
    const openedMs = this.#door?.openedMs;
    return openedMs === undefined ? undefined : this.#context.clock.monotonicMs() - openedMs;
  }

  async makeJoinToken(request: TokenRequest): Promise<JoinInvitation> {
    // Two that ask at once open one door.
    const mine = this.#turn.then(() => this.#ensureDoor(request));
    this.#turn = mine.catch(() => {});
    const { host, port } = await mine;
    const { authority_certificate } = this.#door!.row;
    const fingerprint = fingerprintOf(authority_certificate);
    const { token, expiresAtMs } = await makeJoinToken(this.#context, fingerprint);
    return {
      endpoint: renderEndpoint({ host, port }),
      token: renderJoinToken(token),
      fingerprint,
      expiresAt: renderTime(expiresAtMs),
    };
  }

  async findDoor(): Promise<{ endpoint?: string }> {
    const row = await findDoor(this.#context.database.query);
    return row === undefined ? {} : { endpoint: renderEndpoint(row) };
  }

  listNodes = () => this.#membership.list();
  listElsewhere = () => this.#membership.listElsewhere();
  drainNode = ({ name }: { name: string }) => this.#membership.drain(name, true);
  resumeNode = ({ name }: { name: string }) => this.#membership.drain(name, false);
  removeNode = ({ name, isLost = false }: { name: string; isLost?: boolean }) =>
    isLost ? this.#membership.removeLost(name, this.#listeningMs) : this.#membership.remove(name);

  /** Nodes that have joined go on coming to the address that they know: moving the door is for one without nodes. */
  async #ensureDoor(request: TokenRequest): Promise<{ host: string; port: number }> {
    const known = this.#door?.row ?? (await findDoor(this.#context.database.query));
    const host = request.host ?? known?.host;
    if (host === undefined) throw noAddress();
    const port = request.port ?? (host === known?.host ? known.port : undefined);
    const isThere = this.#door?.row.host === host && this.#door.row.port === port;
    if (!isThere) await this.#move(known ?? this.#makeAuthority(), host, port);
    const { row } = this.#door!;
    return { host: row.host, port: row.port };
  }

  async #move(row: Omit<DoorRow, 'host' | 'port'>, host: string, port?: number): Promise<void> {
    const ports =
      port === undefined ? Array.from({ length: PORTS_TRIED }, (_, at) => USUAL_PORT + at) : [port];
    await this.#close();
    for (const each of ports) {
      try {
        await this.#open({ ...row, host, port: each });
        break;
      } catch (error) {
        if (!hasCode(error, 'EADDRINUSE') || each === ports.at(-1)) {
          await this.resume();
          throw cannotListen(host, each, error);
        }
      }
    }
    await this.#context.database.transaction((tx) => putDoor(tx, this.#door!.row));
    this.#host = host;
  }

  async #open(row: DoorRow): Promise<void> {
    const { clock, logger } = this.#context;
    const listener = await openNodeDoor({
      address: { host: row.host, port: row.port },
      identity: { certificate: row.certificate, key: row.key },
      authority: row.authority_certificate,
      membership: this.#membership,
      images: this.#options.images,
      gates: this.#options.gates,
      clock,
      logger,
    });
    const openedMs = clock.monotonicMs();
    this.#door = { row: { ...row, port: listener.port }, listener, openedMs };
    this.problem = undefined;
    logger.info('nodes on other hosts may come', { host: row.host, port: listener.port });
  }

  async #close(): Promise<void> {
    const door = this.#door;
    this.#door = undefined;
    await door?.listener[Symbol.asyncDispose]();
  }

  async #openLater(row: DoorRow): Promise<void> {
    while (!this.#stop.signal.aborted && this.#door === undefined) {
      await this.#context.clock.sleep(AGAIN_MS, this.#stop.signal).catch(() => {});
      if (this.#stop.signal.aborted || this.#door !== undefined) return;
      await this.#open(row).catch((error: unknown) => this.#noteProblem(row, error));
    }
  }

  #noteProblem({ host, port }: DoorRow, error: unknown): void {
    this.problem = `nodes on other hosts cannot come in: ${cannotListen(host, port, error).message}`;
    this.#context.logger.warn('the door for nodes cannot be opened', { host, port, error });
  }

  #makeAuthority(): Omit<DoorRow, 'host' | 'port'> {
    const authority: Identity = makeAuthority(`Ironbark ${this.#options.cloudName}`, this.#context);
    const { key, publicKey } = newKeyPair();
    const wishes = { name: FRONT_NAME, use: 'server', publicKey } as const;
    return {
      id: 1,
      authority_certificate: authority.certificate,
      authority_key: authority.key,
      certificate: issueCertificate(authority, wishes, this.#context),
      key,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#again;
    await this.#close();
    this.#membership[Symbol.dispose]();
  }
}

function renderEndpoint({ host, port }: Pick<DoorRow, 'host' | 'port'>): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function noAddress(): ServiceError {
  return new ServiceError({
    kind: 'missing-parameter',
    resource: 'host',
    message: 'Nodes need an address of this host to come to.',
  });
}

function cannotListen(host: string, port: number, cause: unknown): ServiceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message: `Cannot listen on ${host} port ${port}: ${why}.`,
    cause,
  });
}
