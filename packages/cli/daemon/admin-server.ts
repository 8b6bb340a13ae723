// Owns the daemon's side of the admin socket.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isServiceError } from '@ironbark/core/errors.ts';
import { type HttpListener, listen } from '@ironbark/platform/http/server.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { ADMIN_METHODS, type AdminApi, type AdminMethod } from './admin-api.ts';
import { renderObjectMetrics } from './object-metrics.ts';
import { renderVolumeMetrics } from './volume-metrics.ts';

/** The largest request is a flag or two. */
const MAX_BODY_BYTES = 64 * 1024;

export function serveAdmin(
  socketPath: string,
  api: AdminApi,
  logger: Logger,
): Promise<HttpListener> {
  return listen({
    address: { socketPath },
    logger,
    requestTimeoutMs: 0,
    handler: (request, response) => answer(request, response, api, logger),
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  api: AdminApi,
  logger: Logger,
): Promise<void> {
  if (request.url === '/metrics' && request.method === 'GET') {
    await answerMetrics(response, api, logger);
    return;
  }
  const method = ADMIN_METHODS.find((name) => request.url === `/${name}`);
  if (method === undefined || request.method !== 'POST') {
    send(response, 404, { error: 'no such call' });
    return;
  }
  try {
    send(response, 200, await dispatch(api, method, await readBody(request)));
  } catch (error) {
    if (!isServiceError(error)) logger.error('admin call failed', { method, error });
    send(response, 500, { error: error instanceof Error ? error.message : String(error) });
  }
}

/** For a Prometheus that reads Unix sockets, or whatever collects for one. */
async function answerMetrics(
  response: ServerResponse,
  api: AdminApi,
  logger: Logger,
): Promise<void> {
  try {
    const volumes = renderVolumeMetrics(await api.volumes());
    const text = volumes + renderObjectMetrics(await api.objectCounts());
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(text);
  } catch (error) {
    if (!isServiceError(error)) logger.error('metrics cannot be told', { error });
    send(response, 500, { error: error instanceof Error ? error.message : String(error) });
  }
}

function dispatch(api: AdminApi, method: AdminMethod, body: unknown): Promise<unknown> {
  const call = api[method] as (body: unknown) => Promise<unknown>;
  return call(body);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new Error('the request is too long');
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
