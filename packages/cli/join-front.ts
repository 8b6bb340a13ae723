// Owns the other host's side of joining: it makes sure that it talks to the cloud that the token is of, asks to be a
// node, and says in people's words what can go wrong on the way.

import type { X509Certificate } from 'node:crypto';
import { isServiceError } from '@ironbark/core/errors.ts';
import { fingerprintOf, newKeyPair } from '@ironbark/platform/certificates.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { openCallClient } from '@ironbark/platform/http/call-client.ts';
import { dialFront, readChain } from '@ironbark/platform/http/tls-listener.ts';
import {
  type JoinAnswer,
  type JoinToken,
  NODE_PROTOCOL,
  parseJoinToken,
} from '@ironbark/protocol/internal/join-messages.ts';
import { joinAnswerCheck, NODE_NAME } from '@ironbark/protocol/internal/wire/join-wire.ts';
import { type FrontAddress, renderFront } from './cloud-config.ts';
import type { CliContext } from './context.ts';
import type { NodeIdentity } from './daemon/node-identity.ts';
import { Problem } from './problem.ts';

export interface JoinWishes {
  front: FrontAddress;
  token: JoinToken;
  name: string;
}

const TIMEOUT_MS = 10_000;
const REQUESTS = 'http/1.1';
const MAX_ANSWER_BYTES = 64 * 1024;
const ANOTHER_TOKEN = 'make another on the front end: ironbark nodes token';

export function parseFront(text: string): FrontAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isGood = url?.protocol === 'https:' && url.port !== '' && url.pathname === '/';
  if (isGood) return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) };
  throw new Problem(`${text} is not the address of a front end`, [
    'copy the line that "ironbark nodes token" prints there: https://ADDRESS:PORT',
  ]);
}

export function requireToken(text: string): JoinToken {
  const token = parseJoinToken(text);
  if (token !== undefined) return token;
  throw new Problem('this is not a join token, or a part of it is missing', [ANOTHER_TOKEN]);
}

/** Host names have capitals and domains; a node's name has neither. */
export function chooseName(wish: string | undefined, hostname: string): string {
  const name = wish ?? hostname.split('.', 1)[0]!.toLowerCase();
  if (NODE_NAME.test(name)) return name;
  throw new Problem(`a node cannot be called ${JSON.stringify(name)}`, [
    'small letters, digits and hyphens, up to 63 of them: --node-name NAME',
  ]);
}

/** The authority's certificate, PEM: of the one whose fingerprint the token has, or nothing was said to anybody. */
export async function findAuthority(
  { clock }: CliContext,
  { front, token }: JoinWishes,
): Promise<string> {
  const dialled = { ...front, protocol: REQUESTS, timeoutMs: TIMEOUT_MS, clock };
  const chain = await readChain(dialled).catch((error: unknown) => {
    throw explain(front, error);
  });
  const authority = chain.at(-1);
  if (authority === undefined || fingerprintOf(authority.raw) !== token.fingerprint) {
    throw new Problem(`what answers at ${renderFront(front)} is not the cloud of this token`, [
      'check the address; another cloud may have it now, or somebody is in between',
      ANOTHER_TOKEN,
    ]);
  }
  checkTime(chain, clock.nowMs());
  return authority.toString();
}

function checkTime(chain: readonly X509Certificate[], nowMs: number): void {
  const wrong = chain.find(
    ({ validFromDate, validToDate }) =>
      nowMs < validFromDate.getTime() || nowMs > validToDate.getTime(),
  );
  if (wrong === undefined) return;
  throw new Problem(`this host’s clock is wrong: it says ${renderTime(nowMs)}`, [
    `the cloud’s certificate is for ${wrong.validFrom} to ${wrong.validTo}`,
    'set the clock, for example: timedatectl set-ntp true',
  ]);
}

/** The token is used up by it. The key stays here. */
export async function askToJoin(
  { clock, version }: CliContext,
  { front, token, name }: JoinWishes,
  authority: string,
): Promise<{ answer: JoinAnswer; identity: NodeIdentity; address: string | undefined }> {
  const { key, publicKey } = newKeyPair();
  let address: string | undefined;
  using calls = openCallClient({
    dial: async () => {
      const dialled = { ...front, authority, protocol: REQUESTS, timeoutMs: TIMEOUT_MS, clock };
      const socket = await dialFront(dialled);
      address = socket.localAddress;
      return socket;
    },
    clock,
    timeoutMs: TIMEOUT_MS,
    maxAnswerBytes: MAX_ANSWER_BYTES,
  });
  const { id: tokenId, secret } = token;
  const request = { protocol: NODE_PROTOCOL, version, tokenId, secret, name, publicKey };
  try {
    const answer = joinAnswerCheck(await calls.call('join', request), '');
    const identity = { certificate: answer.certificate, key };
    return { answer, identity: { format: 'ironbark-node/1', identity, authority }, address };
  } catch (error) {
    throw explain(front, error);
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there: is the cloud up, and is the port the one that it printed?',
  EHOSTUNREACH: 'this host has no way there, or a firewall on the way refuses',
  ENETUNREACH: 'this host has no route to that network',
  ETIMEDOUT: 'nothing answers: a firewall on the front end may drop it',
  ENOTFOUND: 'no such name; give the address instead',
  EAI_AGAIN: 'the name cannot be looked up now; give the address instead',
};

function explain(front: FrontAddress, error: unknown): unknown {
  if (error instanceof Problem) return error;
  if (isServiceError(error)) return problemOf(error.message, adviceFor(error.kind), error);
  if (!(error instanceof Error)) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  const at = renderFront(front);
  if (/does not answer within/.test(error.message)) {
    return problemOf(
      `${at} cannot be reached`,
      [UNREACHABLE['ETIMEDOUT']!, openPort(front)],
      error,
    );
  }
  const why = UNREACHABLE[code];
  if (why !== undefined) return problemOf(`${at} cannot be reached`, [why, openPort(front)], error);
  if (code.startsWith('ERR_SSL') || code === 'EPROTO' || code === 'ECONNRESET') {
    const advice = ['nodes have a port of their own: the one that "ironbark nodes token" prints'];
    return problemOf(`${at} is not where a cloud’s nodes come to`, advice, error);
  }
  return error;
}

function openPort({ port }: FrontAddress): string {
  return `on the front end, let TCP port ${port} in, for example: ufw allow ${port}/tcp`;
}

function adviceFor(kind: string): string[] {
  if (kind === 'not-authorized') return [ANOTHER_TOKEN];
  if (kind === 'duplicate')
    return ['choose another with --node-name NAME; the token is still good'];
  return [];
}

function problemOf(message: string, advice: readonly string[], cause: unknown): Problem {
  const problem = new Problem(message, advice);
  problem.cause = cause;
  return problem;
}
