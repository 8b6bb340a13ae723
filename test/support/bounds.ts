// Owns peers that take without end: connections, headers, bodies, lists, documents. Each has to be refused in time,
// while a bystander is served as ever, and nothing may be left of them.

import { readdirSync, readFileSync } from 'node:fs';
import { KIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { Bystander, type BystanderResult } from './bystander.ts';
import { drip, exchange, openPeer, type RawPeer, type RawResult, statusesOf } from './raw-http.ts';
import { type Caller, type Key, send } from './signed-call.ts';

export interface BoundsTarget {
  caller: Caller & { key: Key };
  /** The daemon. */
  pid: number;
  /** An existing one of the caller's. */
  bucket: string;
}

export interface BoundsResult {
  bystander: BystanderResult;
  halfOpen: number;
  /** What was not refused as it should be. */
  wrong: string[];
  slowestRefusalMs: number;
  moreFiles: number;
  moreMemoryMib: number;
}

interface Attack {
  name: string;
  /** Statuses, one of which the connection has to end with; none: cut off without a word. */
  statuses: readonly (number | undefined)[];
  /** At the same time. */
  peers: number;
  /** Takes as long as it is let. */
  isSlow?: boolean;
  run: (target: BoundsTarget) => Promise<RawResult>;
}

const SLOW_PERIOD_MS = 500;
const HOST = 'Host: x\r\n';
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n';
const ATTACKS: readonly Attack[] = [
  {
    name: 'a header that comes byte by byte',
    isSlow: true,
    statuses: [408, undefined],
    peers: 50,
    run: ({ caller }) => drip(caller.endpoint, 'GET / HTTP/1.1\r\nHost: ', 'x', SLOW_PERIOD_MS),
  },
  {
    name: 'headers without end, line by line',
    isSlow: true,
    statuses: [408, 431, undefined],
    peers: 50,
    run: ({ caller }) =>
      drip(caller.endpoint, `GET / HTTP/1.1\r\n${HOST}`, 'X-A: b\r\n', SLOW_PERIOD_MS),
  },
  {
    name: 'a signed body of EC2 that comes byte by byte',
    isSlow: true,
    statuses: [408],
    peers: 50,
    run: ({ caller }) =>
      drip(caller.endpoint, signedHead(caller, 'content-length: 10000'), 'A', SLOW_PERIOD_MS),
  },
  {
    name: 'an unsigned body of EC2 that comes byte by byte',
    isSlow: true,
    statuses: [403],
    peers: 50,
    run: ({ caller }) =>
      drip(
        caller.endpoint,
        `POST / HTTP/1.1\r\n${HOST}${FORM}Content-Length: 10000\r\n\r\n`,
        'A',
        SLOW_PERIOD_MS,
      ),
  },
  {
    name: 'an unsigned upload that comes byte by byte',
    isSlow: true,
    statuses: [403],
    peers: 50,
    run: ({ caller, bucket }) =>
      drip(
        caller.endpoint,
        `PUT /${bucket}/slow HTTP/1.1\r\n${HOST}Content-Length: 10000\r\n\r\n`,
        'A',
        SLOW_PERIOD_MS,
      ),
  },
  {
    name: 'one header of 64 KiB',
    statuses: [431],
    peers: 50,
    run: ({ caller }) =>
      exchange(caller.endpoint, `GET / HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(64 * KIB)}\r\n\r\n`),
  },
  {
    name: 'a query of 64 KiB',
    statuses: [431],
    peers: 50,
    run: ({ caller }) =>
      exchange(caller.endpoint, `GET /?${'InstanceId.1=i&'.repeat(4400)} HTTP/1.1\r\n${HOST}\r\n`),
  },
  {
    name: 'a signed body of EC2 in chunks without end',
    statuses: [413, undefined],
    peers: 2,
    run: ({ caller }) => {
      const chunk = `4000\r\n${'InstanceId.1=i&a'.repeat(1024)}\r\n`;
      return drip(caller.endpoint, signedHead(caller, 'transfer-encoding: chunked'), chunk, 0);
    },
  },
  {
    name: 'an unsigned upload in chunks without end',
    statuses: [403, undefined],
    peers: 2,
    run: ({ caller, bucket }) =>
      drip(
        caller.endpoint,
        `PUT /${bucket}/endless HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
        `4000\r\n${'a'.repeat(16 * KIB)}\r\n`,
        0,
      ),
  },
  {
    name: 'ten thousand requests at once on a connection',
    statuses: [403, undefined],
    peers: 2,
    run: async ({ caller }) => {
      const one = `GET /a/b HTTP/1.1\r\n${HOST}\r\n`;
      const last = `GET /a/b HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
      return await exchange(caller.endpoint, one.repeat(10_000) + last);
    },
  },
  {
    name: 'an Authorization header that takes a bad pattern quadratic time',
    statuses: [400, 401, 403],
    peers: 50,
    run: ({ caller }) =>
      exchange(
        caller.endpoint,
        `POST / HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: 0\r\nAuthorization: ${'Credential='.repeat(2800)}\r\n\r\n`,
      ),
  },
];

/** The headers of a well-signed request whose body is still to come. */
function signedHead({ endpoint, region, key }: BoundsTarget['caller'], length: string): string {
  const url = new URL(`${endpoint}/`);
  const identity = { service: 'ec2', region, ...key, nowMs: systemClock.nowMs() };
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const signed = signRequest({ ...identity, method: 'POST', url, headers, body: '' });
  const lines = Object.entries(signed).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST / HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}${length}\r\n\r\n`;
}

export async function runBounds(target: BoundsTarget, halfOpen: number): Promise<BoundsResult> {
  const judgement: Judgement = { wrong: [], slowestRefusalMs: 0 };
  await warmUp(target, halfOpen, judgement);
  const before = readUse(target.pid);
  const bystander = new Bystander(target.caller);
  const storm = openMany(target, halfOpen, async (peers) => {
    for (const { closed } of peers) judge(judgement, 'half-open', await closed, [408, undefined]);
  });
  await Promise.all([
    storm,
    runAttacks(target, ATTACKS, judgement),
    sendDocuments(target, judgement),
  ]);
  const served = await bystander.end();
  const after = await untilSettled(target.pid, before);
  return {
    ...{ ...judgement, bystander: served, halfOpen },
    moreFiles: after.files - before.files,
    moreMemoryMib: Math.round((after.memoryKib - before.memoryKib) / KIB),
  };
}

/** What a process takes for itself once is no growth; what it takes again the second time is. */
async function warmUp(target: BoundsTarget, count: number, judgement: Judgement): Promise<void> {
  const { files } = readUse(target.pid);
  await openMany(target, count, async (peers) => {
    for (const { socket } of peers) socket.destroy();
  });
  const quick = ATTACKS.filter(({ isSlow }) => isSlow !== true);
  await Promise.all([runAttacks(target, quick, judgement), sendDocuments(target, judgement)]);
  await untilSettled(target.pid, { files, memoryKib: Number.POSITIVE_INFINITY });
}

interface Judgement {
  wrong: string[];
  slowestRefusalMs: number;
}

function judge(
  judgement: Judgement,
  name: string,
  result: RawResult,
  statuses: Attack['statuses'],
): void {
  const tookMs = Math.round(result.tookMs);
  judgement.slowestRefusalMs = Math.max(judgement.slowestRefusalMs, tookMs);
  const last = statusesOf(result).at(-1);
  if (statuses.includes(last)) return;
  judgement.wrong.push(`${name}: ${last} ${result.text.slice(0, 300)}`);
}

async function runAttacks(
  target: BoundsTarget,
  attacks: readonly Attack[],
  judgement: Judgement,
): Promise<void> {
  const running = attacks.map(async ({ name, statuses, peers, run }) => {
    const results = await Promise.all(Array.from({ length: peers }, () => run(target)));
    for (const result of results) judge(judgement, name, result, statuses);
  });
  await Promise.all(running);
}

/** So many connects at a time as a listener's queue takes. */
const BATCH = 200;

async function openMany(
  { caller }: BoundsTarget,
  count: number,
  use: (peers: RawPeer[]) => Promise<void>,
): Promise<void> {
  const peers: RawPeer[] = [];
  while (peers.length < count) {
    const size = Math.min(BATCH, count - peers.length);
    peers.push(
      ...(await Promise.all(Array.from({ length: size }, () => openPeer(caller.endpoint)))),
    );
  }
  await use(peers);
}

/** Documents and lists that a signed client sends whole. */
async function sendDocuments(
  { caller, bucket }: BoundsTarget,
  { wrong }: Judgement,
): Promise<void> {
  const entities = `<Delete><Object><Key>${'&#65;'.repeat(200_000)}</Key></Object></Delete>`;
  const deep = `<Delete>${'<a>'.repeat(100_000)}`;
  const bomb = `<!DOCTYPE a [<!ENTITY a "aa">]><Delete><Object><Key>&a;</Key></Object></Delete>`;
  const wide = `<Delete>${'<Object><Key>a</Key></Object>'.repeat(60_000)}</Delete>`;
  for (const [name, body] of Object.entries({ deep, bomb, wide })) {
    const target = `/${bucket}?delete`;
    const { status, code } = await send(caller, { service: 's3', method: 'POST', target, body });
    if (status !== 400 || code !== 'MalformedXML') wrong.push(`${name} XML: ${status} ${code}`);
  }
  const spelled = await send(caller, {
    service: 's3',
    method: 'POST',
    target: `/${bucket}?delete`,
    body: entities,
  });
  if (spelled.status !== 400) wrong.push(`1 MB of entities: ${spelled.status}`);
  const list = Array.from({ length: 50_000 }, (_, at) => `InstanceId.${at}=i`).join('&');
  const { status, code } = await send(caller, {
    service: 'ec2',
    method: 'POST',
    target: '/',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `Action=DescribeInstances&${list}`,
  });
  if (status !== 400) wrong.push(`a list of 50,000: ${status} ${code}`);
}

/** What a process may have more of afterwards. */
export const MOST_KEPT_MIB = 128;

interface Use {
  files: number;
  memoryKib: number;
}

function readUse(pid: number): Use {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const memoryKib = Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]);
  return { files: readdirSync(`/proc/${pid}/fd`).length, memoryKib };
}

/** Sockets are closed a moment after their peers see it, and memory comes back when it is looked for. */
async function untilSettled(pid: number, before: Use): Promise<Use> {
  const what = 'what was open and taken to be given back';
  const isSettled = ({ files, memoryKib }: Use) =>
    files <= before.files && memoryKib <= before.memoryKib + MOST_KEPT_MIB * KIB;
  const options = { clock: systemClock, timeoutMs: 30_000, intervalMs: 200, what };
  await waitFor(() => isSettled(readUse(pid)), options).catch(() => {});
  return readUse(pid);
}
