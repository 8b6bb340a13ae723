// Owns a zone that hosts join over TLS, and such hosts, for tests.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { connect } from 'node:tls';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { fingerprintOf, newKeyPair } from '@ironbark/platform/certificates.ts';
import { type Clock, systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { openCallClient } from '@ironbark/platform/http/call-client.ts';
import { createCallHandler } from '@ironbark/platform/http/call-server.ts';
import { answerCalls, CALL_SESSION } from '@ironbark/platform/http/call-session.ts';
import {
  type DialOptions,
  dialFront,
  FRONT_NAME,
  readChain,
} from '@ironbark/platform/http/tls-listener.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import {
  type JoinAnswer,
  NODE_PROTOCOL,
  parseJoinToken,
} from '@ironbark/protocol/internal/join-messages.ts';
import { MemoryNode } from '@ironbark/protocol/internal/testing/memory-node.ts';
import {
  type ImageSource,
  remoteImageSource,
} from '@ironbark/protocol/internal/wire/objects-wire.ts';
import { type Cluster, startCluster } from '../main.ts';

export const FRONT: NodeId = 'node-front';
export const INSTANCE: InstanceId = 'i-00000000000000001';
/** What a gate answers to. */
export const ACCESS = { port: 1, user: 'attachment', sizeBytes: 1 };

export class MovableClock implements Clock {
  aheadMs = 0;
  nowMs = () => systemClock.nowMs() + this.aheadMs;
  monotonicMs = () => systemClock.monotonicMs() + this.aheadMs;
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal);
}

export interface Token {
  id: string;
  secret: string;
  at: Omit<DialOptions, 'identity' | 'protocol'>;
}

const images: ImageSource = {
  getObject: async ({ bucket, key }) => {
    const said = { key, sizeBytes: 1, etag: '""', lastModified: '' };
    return { object: said, body: Readable.from([Buffer.from(`${bucket}/${key}`)]) };
  },
};

export class JoinedZone implements AsyncDisposable {
  readonly #root: string;
  readonly clock = new MovableClock();
  /** The node of the front end's own host. */
  readonly front = new MemoryNode(FRONT);
  cluster!: Cluster;
  readonly #hosts: Host[] = [];
  #port = 0;

  private constructor(root: string) {
    this.#root = root;
  }

  static async start(): Promise<JoinedZone> {
    const zone = new JoinedZone(await mkdtemp(join(tmpdir(), 'ib-')));
    await zone.restart();
    return zone;
  }

  async restart(meanwhile?: (port: number) => Promise<void>): Promise<void> {
    await this.cluster?.[Symbol.asyncDispose]();
    await meanwhile?.(this.#port);
    this.cluster = await startCluster({
      dataDir: this.#root,
      zone: 'test-1a',
      nodes: [{ nodeId: FRONT, client: this.front }],
      ...{ clock: this.clock, random: systemRandom, logger: silentLogger },
      joining: {
        terms: {
          region: 'test-1',
          hypervisor: 'simulated',
          network: 'simulated',
          vpcCidr: '10.0.0.0/8',
        },
        version: '1.2.3',
        images,
        gates: { findGate: async (key) => ({ ...ACCESS, key }) },
        cloudName: 'test',
      },
    });
  }

  /** While it does not run. */
  rewrite(statement: string): void {
    using database = new DatabaseSync(join(this.#root, 'cluster.db'));
    database.exec(statement);
  }

  get admin() {
    return this.cluster.joining!;
  }

  nodes = () => this.admin.listNodes();

  async token(): Promise<Token> {
    const asked = this.#port === 0 ? { host: '127.0.0.1', port: 0 } : {};
    const invitation = await this.admin.makeJoinToken(asked);
    const { id, secret, fingerprint } = parseJoinToken(invitation.token)!;
    this.#port = Number(new URL(invitation.endpoint).port);
    const where = { host: '127.0.0.1', port: this.#port, timeoutMs: 5_000, clock: systemClock };
    const chain = await readChain({ ...where, protocol: 'http/1.1' });
    const authority = chain.at(-1)!.toString();
    assert.equal(fingerprintOf(authority), fingerprint);
    return { id, secret, at: { ...where, authority } };
  }

  /** `localAddress` is another one of this host than the usual. */
  async ask(
    { at }: Pick<Token, 'at'>,
    verb: string,
    input: unknown,
    localAddress?: string,
  ): Promise<unknown> {
    const dial = async () => {
      if (localAddress === undefined) return await dialFront({ ...at, protocol: 'http/1.1' });
      const { host, port, authority: ca } = at;
      const shown = { servername: FRONT_NAME, ALPNProtocols: ['http/1.1'] };
      const socket = connect({
        socket: createConnection({ host, port, localAddress }),
        ca,
        ...shown,
      });
      await once(socket, 'secureConnect');
      return socket;
    };
    const limits = { clock: systemClock, timeoutMs: 5_000, maxAnswerBytes: 10_000 };
    using calls = openCallClient({ dial, ...limits });
    return await calls.call(verb, input);
  }

  async join(name: string, given?: Token): Promise<Host> {
    const token = given ?? (await this.token());
    const { key, publicKey } = newKeyPair();
    const { id: tokenId, secret } = token;
    const request = { protocol: NODE_PROTOCOL, version: '1.2.3', tokenId, secret, name, publicKey };
    const answer = (await this.ask(token, 'join', request)) as JoinAnswer;
    const identity = { certificate: answer.certificate, key };
    const host = new Host(answer.nodeId, { ...token.at, identity });
    this.#hosts.push(host);
    await host.connect();
    return host;
  }

  async place(nodeId: NodeId, power: InstanceIntent['power'], changes: object = {}): Promise<void> {
    const blob = { bucket: 'images', key: 'root', sizeBytes: 1, sha256: '', unpackedBytes: 1 };
    const intent = {
      ...{ id: INSTANCE, generation: power === 'running' ? 1 : 2, power, forceStop: false },
      ...{ rebootCount: 0, vcpus: 1, memoryMib: 512, interfaces: [], volumes: [] },
      image: { id: 'ami-1', root: { ...blob, encoding: 'raw' } },
      ...changes,
    };
    // The Cluster Controller passes disks and metadata on without looking at them.
    const whole = intent as unknown as InstanceIntent;
    await this.cluster.client.putInstances([{ nodeId, intent: whole }]);
  }

  until(what: string, probe: () => Promise<boolean> | boolean): Promise<boolean> {
    return waitFor(probe, { clock: systemClock, timeoutMs: 20_000, intervalMs: 5, what });
  }

  untilState(name: string, state: string): Promise<boolean> {
    const isSo = async () => (await this.nodes()).find((one) => one.name === name)?.state === state;
    return this.until(`${name} is ${state}`, isSo);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that was let in although it should not have been keeps no test from ending.
    for (const host of this.#hosts) await host.hangUp();
    await this.cluster[Symbol.asyncDispose]();
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** As the daemon of a node has it: a node in memory behind a connection of its own. */
export class Host implements AsyncDisposable {
  readonly nodeId: NodeId;
  readonly node: MemoryNode;
  ended: Promise<void> = Promise.resolve();
  readonly #at: Omit<DialOptions, 'protocol'>;
  #stop = new AbortController();

  constructor(nodeId: NodeId, at: Omit<DialOptions, 'protocol'>) {
    this.nodeId = nodeId;
    this.node = new MemoryNode(nodeId);
    this.#at = at;
  }

  dial = (protocol: string) => dialFront({ ...this.#at, protocol });

  async connect(): Promise<void> {
    await this.hangUp();
    this.#stop = new AbortController();
    const { node } = this;
    const handler = createCallHandler({
      logger: silentLogger,
      maxInputBytes: 1_000_000,
      onChange: (listener) => node.onChange(listener),
      verbs: {
        putIntent: (input) => node.putIntent(input as never),
        getReport: () => node.getReport(),
        getConsoleOutput: async (input) => {
          const { bytes, updatedAt } = await node.getConsoleOutput((input as { id: never }).id);
          return { base64: Buffer.from(bytes).toString('base64'), updatedAt };
        },
        readVolumes: () => node.readVolumes(),
        readNetwork: () => node.readNetwork(),
        readFlows: (input) => node.readFlows((input as { after: number }).after),
      },
    });
    const socket = await this.dial(CALL_SESSION);
    this.ended = answerCalls(socket, handler, { clock: systemClock, signal: this.#stop.signal });
  }

  async hangUp(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }

  #calls() {
    const dial = () => this.dial('http/1.1');
    const limits = { clock: systemClock, timeoutMs: 5_000, maxAnswerBytes: 10_000 };
    return openCallClient({ dial, ...limits });
  }

  images = () => remoteImageSource(this.#calls());
  ask = (verb: string, input?: object) => this.#calls().call(verb, input);

  [Symbol.asyncDispose] = () => this.hangUp();
}
