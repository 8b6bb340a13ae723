// Hosts that join a zone over TLS, and those that must not.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { NodeId } from '@ironbark/core/ids.ts';
import { fingerprintOf, newKeyPair } from '@ironbark/platform/certificates.ts';
import { type Clock, systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { openCallClient } from '@ironbark/platform/http/call-client.ts';
import { createCallHandler } from '@ironbark/platform/http/call-server.ts';
import { answerCalls, CALL_SESSION } from '@ironbark/platform/http/call-session.ts';
import { type DialOptions, dialFront, readChain } from '@ironbark/platform/http/tls-listener.ts';
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
import { TOKEN_LIFE_MS } from './app/join-tokens.ts';
import { type Cluster, startCluster } from './main.ts';

const FRONT: NodeId = 'node-front';
const ACCESS = { port: 1, user: 'attachment' };
const INSTANCE = 'i-00000000000000001';

test('a host joins with a token, answers calls, and fetches the images of its instances alone', async () => {
  await using zone = await Zone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  await zone.place(host.nodeId, 'running');
  await zone.until('the document', () => host.node.intent.instances.length === 1);
  const { bytes } = await zone.cluster.client.getConsoleOutput(INSTANCE);
  assert.equal(Buffer.from(bytes).toString(), `console of ${INSTANCE}`);
  const { body } = await host.images().getObject({ bucket: 'images', key: 'root' });
  assert.equal(Buffer.concat(await body.toArray()).toString(), 'images/root');
  for (const key of ['other', 'root2']) {
    const refused = host.images().getObject({ bucket: 'images', key });
    await assert.rejects(refused, { kind: 'not-authorized' });
  }
  const [summary] = (await zone.cluster.client.describeNodes()).filter(
    ({ nodeId }) => nodeId === host.nodeId,
  );
  assert.equal(summary?.reachesVolumes, false);
  const asked = { id: 'vol-00000000000000001', opening: 1 };
  assert.deepEqual(await host.ask('findGate', asked), { ...ACCESS, key: host.nodeId });
});

test('a token is good for one host, and nobody else’s is', async () => {
  await using zone = await Zone.start();
  const token = await zone.token();
  await using _host = await zone.join('n1', token);
  await assert.rejects(zone.join('n2', token), { message: /not known here, or was used already/ });
  const next = await zone.token();
  const wrong = { ...next, secret: 'a'.repeat(48) };
  await assert.rejects(zone.join('n2', wrong), { kind: 'not-authorized' });
  await assert.rejects(zone.join('n1', next), { kind: 'duplicate' }, 'a name that is taken');
  await using _other = await zone.join('n2', next);
  assert.equal((await zone.nodes()).length, 3);
});

test('a token that was guessed at five times is gone', async () => {
  await using zone = await Zone.start();
  const token = await zone.token();
  for (let time = 0; time < 5; time += 1) {
    const wrong = { ...token, secret: `${time}`.repeat(48) };
    await assert.rejects(zone.join('n1', wrong), { kind: 'not-authorized' });
  }
  await assert.rejects(zone.join('n1', token), { kind: 'not-authorized' });
});

test('whoever guesses on and on is not listened to for a minute', async () => {
  await using zone = await Zone.start();
  const token = await zone.token();
  const guess = (id: string) => zone.join('n1', { ...token, id });
  for (let time = 0; time < 30; time += 1) {
    await assert.rejects(guess(String(time).padStart(16, '0')), { kind: 'not-authorized' });
  }
  await assert.rejects(zone.join('n1', token), { kind: 'throttled' });
  zone.clock.aheadMs += 61_000;
  await using _host = await zone.join('n1', token);
});

test('a token expires', async () => {
  await using zone = await Zone.start();
  const token = await zone.token();
  zone.clock.aheadMs += TOKEN_LIFE_MS;
  await assert.rejects(zone.join('n1', token), { message: /expired/ });
});

test('another version is told so, whatever else it says', async () => {
  await using zone = await Zone.start();
  const token = await zone.token();
  const request = { protocol: NODE_PROTOCOL + 1, version: '9.9', somethingNew: true };
  await assert.rejects(zone.ask(token, 'join', request), {
    message: /has Ironbark 9\.9 and the front end 1\.2\.3/,
  });
});

test('a removed node’s certificate is worth nothing; a node that is used is not removed', async () => {
  await using zone = await Zone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  await zone.place(host.nodeId, 'running');
  await assert.rejects(zone.admin.removeNode({ name: 'n1' }), { kind: 'in-use' });
  await zone.place(host.nodeId, 'terminated');
  const isOver = async () =>
    (await zone.cluster.client.changesSince(0)).instances.some(
      ({ observation }) => observation.power === 'terminated',
    );
  await zone.until('the end of the instance', isOver);
  await zone.cluster.client.forgetInstances([INSTANCE]);
  const { nodesGeneration } = await zone.cluster.client.changesSince(0);
  await zone.admin.removeNode({ name: 'n1' });
  assert.ok((await zone.cluster.client.changesSince(0)).nodesGeneration > nodesGeneration);
  await host.ended;
  assert.deepEqual(
    (await zone.nodes()).map(({ name }) => name),
    ['host-of-node-front'],
  );
  const socket = await host.dial(CALL_SESSION);
  if (!socket.destroyed) await once(socket, 'close');
  await assert.rejects(host.images().getObject({ bucket: 'images', key: 'root' }));
  assert.deepEqual(await host.ask('hello'), { isNode: false });
  for (const verb of ['leave', 'findGate']) await assert.rejects(host.ask(verb), /no such call/);
});

test('a node speaks of itself alone', async () => {
  await using zone = await Zone.start();
  await using honest = await zone.join('n1');
  await using liar = await zone.join('n2');
  await zone.untilState('n2', 'ready');
  const getReport = liar.node.getReport.bind(liar.node);
  for (const lie of [
    { nodeId: honest.nodeId },
    { nodeId: FRONT },
    { hostname: 'x'.repeat(9_999) },
  ]) {
    liar.node.getReport = async () => ({ ...(await getReport()), ...lie });
    zone.clock.aheadMs += 31_000;
    honest.node.notify();
    liar.node.notify();
    await zone.untilState('n2', 'away');
    await zone.untilState('n1', 'ready');
  }
  // It says that another one's instance is over.
  await zone.place(honest.nodeId, 'running');
  const seen = async () => (await zone.cluster.client.changesSince(0)).instances;
  await zone.until('the instance', async () => (await seen()).length === 1);
  const [{ observation }] = (await seen()) as [Awaited<ReturnType<typeof seen>>[number]];
  liar.node.getReport = async () => ({
    ...(await getReport()),
    instances: [{ ...observation, power: 'terminated' as const }],
  });
  liar.node.notify();
  await zone.untilState('n2', 'ready');
  assert.deepEqual(
    (await seen()).map((each) => [each.nodeId, each.observation.power]),
    [[honest.nodeId, 'running']],
  );
});

test('a node that is away comes back to its place; the front end does so, too', async () => {
  await using zone = await Zone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  await host.hangUp();
  zone.clock.aheadMs += 31_000;
  await zone.untilState('n1', 'away');
  await host.connect();
  await zone.untilState('n1', 'ready');
  await zone.restart();
  await host.connect();
  await zone.untilState('n1', 'ready');
});

test('a front end whose port is taken starts all the same, says so, and opens the door later', async () => {
  await using zone = await Zone.start();
  await using host = await zone.join('n1');
  const taker = createServer();
  await zone.restart(async (port) => {
    taker.listen(port, '127.0.0.1');
    await once(taker, 'listening');
  });
  assert.match(zone.admin.problem ?? '', /cannot come in: Cannot listen on 127\.0\.0\.1/);
  await assert.rejects(zone.token(), { kind: 'unavailable' });
  taker.close();
  await once(taker, 'close');
  await zone.token();
  assert.equal(zone.admin.problem, undefined);
  await host.connect();
  await zone.untilState('n1', 'ready');
});

test('a drained node says so until it is resumed', async () => {
  await using zone = await Zone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  const generation = async () => (await zone.cluster.client.changesSince(0)).nodesGeneration;
  const before = await generation();
  assert.equal((await zone.admin.drainNode({ name: host.nodeId })).state, 'draining');
  assert.ok((await generation()) > before, 'whoever places instances hears of it');
  await zone.restart();
  await host.connect();
  await zone.untilState('n1', 'draining');
  assert.equal((await zone.admin.resumeNode({ name: 'n1' })).state, 'ready');
  await assert.rejects(zone.admin.drainNode({ name: 'n7' }), { kind: 'not-found' });
  await assert.rejects(zone.admin.removeNode({ name: FRONT }), { kind: 'operation-not-permitted' });
});

class MovableClock implements Clock {
  aheadMs = 0;
  nowMs = () => systemClock.nowMs() + this.aheadMs;
  monotonicMs = () => systemClock.monotonicMs() + this.aheadMs;
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal);
}

interface Token {
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

class Zone implements AsyncDisposable {
  readonly #root: string;
  readonly clock = new MovableClock();
  cluster!: Cluster;
  readonly #hosts: Host[] = [];
  #port = 0;

  private constructor(root: string) {
    this.#root = root;
  }

  static async start(): Promise<Zone> {
    const zone = new Zone(await mkdtemp(join(tmpdir(), 'ib-')));
    await zone.restart();
    return zone;
  }

  async restart(meanwhile?: (port: number) => Promise<void>): Promise<void> {
    await this.cluster?.[Symbol.asyncDispose]();
    await meanwhile?.(this.#port);
    this.cluster = await startCluster({
      dataDir: this.#root,
      zone: 'test-1a',
      nodes: [{ nodeId: FRONT, client: new MemoryNode(FRONT) }],
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

  async ask({ at }: Pick<Token, 'at'>, verb: string, input: unknown): Promise<unknown> {
    const dial = () => dialFront({ ...at, protocol: 'http/1.1' });
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

  async place(nodeId: NodeId, power: 'running' | 'terminated'): Promise<void> {
    const blob = { bucket: 'images', key: 'root', sizeBytes: 1, sha256: '', unpackedBytes: 1 };
    const intent = {
      ...{ id: INSTANCE, generation: power === 'running' ? 1 : 2, power, forceStop: false },
      ...{ rebootCount: 0, vcpus: 1, memoryMib: 512, interfaces: [], volumes: [] },
      image: { id: 'ami-1', root: { ...blob, encoding: 'raw' } },
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
class Host implements AsyncDisposable {
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
        readVolumes: async () => [],
        readNetwork: async () => [],
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
