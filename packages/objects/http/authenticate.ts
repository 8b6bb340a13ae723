// Owns who is asking: one verification of every request, before it is known what it asks for.

import type { IncomingMessage } from 'node:http';
import type { IdentityClient } from '@ironbark/protocol/internal/identity-client.ts';
import { type VerifiedRequest, verifyRequest } from '@ironbark/protocol/sigv4/verify.ts';
import type { ObjectsContext } from '../app/context.ts';

const SERVICES = ['s3'];

export async function authenticate(
  context: ObjectsContext,
  identity: IdentityClient,
  request: IncomingMessage,
): Promise<VerifiedRequest> {
  return await verifyRequest({
    method: request.method ?? '',
    rawTarget: request.url ?? '',
    rawHeaders: request.rawHeaders,
    services: SERVICES,
    region: context.region,
    nowMs: context.clock.nowMs(),
    findAccessKey: (id) => identity.findAccessKey(id),
  });
}
