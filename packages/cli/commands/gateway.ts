// Owns `ironbark gateway`: one process that serves a cloud's objects, on whatever host, until it is told to end. It keeps
// nothing here: all it has is in the database, in the engine and with the cloud.

import { flushCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { loadHashing } from '@ironbark/objects/drivers/hash-threads.ts';
import { startObjects } from '@ironbark/objects/main.ts';
import { type HttpListener, listen } from '@ironbark/platform/http/server.ts';
import { createLogger, type Logger } from '@ironbark/platform/logger.ts';
import { dropPrivileges } from '@ironbark/platform/privileges.ts';
import { renderFront } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import { type GatewayFile, readGatewayFile } from '../daemon/gateway-file.ts';
import { GatewayLink } from '../daemon/gateway-link.ts';
import { resolveShared } from '../daemon/objects-source.ts';
import { SYSTEM_ACCOUNT } from '../daemon/system-account.ts';
import { Problem } from '../problem.ts';

export interface GatewayOptions {
  file: string;
  host: string;
  port: number;
}

/** Debian's `nobody`, which every system has: a gateway needs no rights, and no files. */
const NOBODY = 65_534;

export async function runGateway(
  context: CliContext,
  { file, host, port }: GatewayOptions,
): Promise<void> {
  const { terminal, clock, random, isRoot } = context;
  const path = resolve(file);
  const contents = await readGatewayFile(path);
  const settings = await resolveShared(contents.objects);
  loadHashing();
  if (isRoot) {
    flushCompileCache();
    dropPrivileges({ uid: NOBODY, groups: [], root: '/' });
  }
  const ended = context.takeInterrupts();
  const logger = createLogger({
    write: (line) => process.stderr.write(line),
    nowMs: () => clock.nowMs(),
  }).child({ service: 'gateway', gateway: contents.name });
  await using running = new AsyncDisposableStack();
  const link = running.use(
    new GatewayLink({ ...contents, version: context.version, clock, logger }),
  );
  await requireWelcome(context, link, contents);
  const { identity, envelopes, audit } = link.services;
  const objects = running.use(
    await startObjects({
      ...{ shared: settings, region: contents.region, systemAccountId: SYSTEM_ACCOUNT },
      ...{ identity, envelopes, audit, clock, random, logger },
    }).catch((error: unknown) => {
      throw storesAway(contents, error);
    }),
  );
  const listener = running.use(await listenAt({ host, port }, objects.handler, logger));
  const endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
  terminal.result({ gateway: contents.name, endpoint, pid: process.pid }, () =>
    [
      terminal.bold(`The gateway ${contents.name} serves objects at ${endpoint}`),
      terminal.dim('until it is ended: Ctrl-C, or SIGTERM'),
    ].join('\n'),
  );
  const interrupted = new Promise<void>((done) => {
    if (ended.aborted) done();
    ended.addEventListener('abort', () => done(), { once: true });
  });
  const other = await Promise.race([interrupted, link.otherVersion]);
  if (other !== undefined) throw otherVersion(context, other.version);
}

async function requireWelcome(
  { version }: CliContext,
  link: GatewayLink,
  { name, front }: GatewayFile,
): Promise<void> {
  const at = renderFront(front);
  const hello = await link.hello().catch((error: unknown) => {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw withCause(
      new Problem(`the cloud at ${at} cannot be reached: ${why}`, [
        'is it up, and does a firewall on the way let that port in?',
      ]),
      error,
    );
  });
  if (!hello.isGateway) {
    throw new Problem(`the cloud at ${at} has no gateway ${name} any more`, [
      'make another file there: ironbark gateways invite NAME FILE',
    ]);
  }
  if (hello.version !== version) throw otherVersion({ version }, hello.version);
}

function otherVersion({ version }: Pick<CliContext, 'version'>, ofCloud: string): Problem {
  return new Problem(
    `this host has Ironbark ${version} and the cloud ${ofCloud}, which may keep objects differently`,
    ['use the same version on both'],
  );
}

/** Large uploads take long; Walrus watches that each makes progress. */
async function listenAt(
  address: { host: string; port: number },
  handler: Parameters<typeof listen>[0]['handler'],
  logger: Logger,
): Promise<HttpListener> {
  const options = { address, handler, logger, handlesContinue: true, requestTimeoutMs: 0 };
  return await listen(options).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw withCause(
      new Problem(`cannot listen on ${address.host} port ${address.port}: ${why}`, [
        'choose another with --host and --port, from 1024 on',
      ]),
      error,
    );
  });
}

function storesAway({ objects: { engine } }: GatewayFile, error: unknown): Problem {
  const why = error instanceof Error ? error.message : String(error);
  return withCause(
    new Problem(`the database or the engine cannot be used from here: ${why}`, [
      `both have to be reached from this host as from the cloud’s; the engine is at ${engine.endpoint}`,
    ]),
    error,
  );
}

function withCause(problem: Problem, cause: unknown): Problem {
  problem.cause = cause;
  return problem;
}
