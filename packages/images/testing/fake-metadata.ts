// Owns a stand-in for the metadata service, for tests that boot a guest without a cloud.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HttpListener, listen } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';

export interface FakeMetadata {
  instanceId: string;
  hostname: string;
  publicKeys: string[];
  userData?: string;
  /** `required`: version 2 alone. `absent`: version 1 alone, as old services are. */
  tokens: 'required' | 'absent';
}

/** As a node with user-mode networking tells its guests apart. */
export const METADATA_PREFIX = '/guest-1';
const TOKEN = 'token-of-the-fake-service';

export function serveMetadata(metadata: FakeMetadata): Promise<HttpListener> {
  const documents = renderDocuments(metadata);
  return listen({
    address: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    handler: async (request, response) => answer(metadata, documents, request, response),
  });
}

function renderDocuments(metadata: FakeMetadata): Map<string, string> {
  const documents = new Map([
    ['meta-data/instance-id', metadata.instanceId],
    ['meta-data/local-hostname', metadata.hostname],
    ['meta-data/hostname', metadata.hostname],
    ['meta-data/public-keys/', metadata.publicKeys.map((_, index) => `${index}=key`).join('\n')],
    // cloud-init waits five seconds, many times over, for a service without these.
    ['dynamic/instance-identity', 'document'],
    ['dynamic/instance-identity/document', '{"region":"local-1"}'],
    ['meta-data/', 'hostname\ninstance-id\nlocal-hostname\npublic-keys/'],
  ]);
  metadata.publicKeys.forEach((key, index) => {
    documents.set(`meta-data/public-keys/${index}/openssh-key`, key);
    documents.set(`meta-data/public-keys/${index}/`, 'openssh-key');
  });
  if (metadata.userData !== undefined) documents.set('user-data', metadata.userData);
  return documents;
}

function answer(
  metadata: FakeMetadata,
  documents: ReadonlyMap<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const end = (status: number, body = '') => response.writeHead(status).end(body);
  // cloud-init asks for dated versions of the service; any of them will do.
  const [, path] = /^\/guest-1\/[^/]+\/(.*)$/.exec(request.url ?? '') ?? [];
  if (request.method === 'PUT') {
    if (metadata.tokens === 'absent' || path !== 'api/token') end(403);
    else end(200, TOKEN);
    return;
  }
  const isAllowed =
    metadata.tokens === 'absent' || request.headers['x-aws-ec2-metadata-token'] === TOKEN;
  const document = path === undefined ? undefined : documents.get(path);
  if (!isAllowed) end(401);
  else if (document === undefined) end(404);
  else end(200, document);
}
