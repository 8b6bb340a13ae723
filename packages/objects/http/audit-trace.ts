// Owns what is found out about a request on its way, for the record of the call.

import type { IncomingMessage } from 'node:http';
import type { Clock } from '@ironbark/platform/clock.ts';
import {
  type AuditEvent,
  type AuditResource,
  describeCall,
  findClaimedKey,
  isAboutBuckets,
} from '@ironbark/protocol/internal/audit-log.ts';
import type { VerifiedRequest } from '@ironbark/protocol/sigv4/verify.ts';
import type { RequestAddress } from './request.ts';

export class AuditTrace {
  operation: string | undefined;
  verified: Pick<VerifiedRequest, 'principal' | 'accessKeyId'> | undefined;
  address: RequestAddress | undefined;
  /** Keys of a request that names several. */
  readonly #keys: string[] = [];

  touch(key: string): void {
    this.#keys.push(key);
  }

  describe(
    { request, requestId }: { request: IncomingMessage; requestId: string },
    { clock, region }: { clock: Clock; region: string },
    outcome: { status: number; errorCode?: string },
  ): AuditEvent {
    const { verified, operation } = this;
    const { headers, socket, url = '/' } = request;
    return describeCall({
      ...outcome,
      nowMs: clock.nowMs(),
      service: 's3',
      action: operation,
      region,
      requestId,
      sourceAddress: socket.remoteAddress,
      userAgent: headers['user-agent'],
      ...(verified === undefined
        ? { claimedKeyId: findClaimedKey(headers.authorization, url) }
        : { caller: verified }),
      isManagement: this.#isManagement(),
      resources: this.#resources(),
    });
  }

  /** Anybody can send what is refused unproven: it must not push out the records of what happened. */
  #isManagement(): boolean {
    return this.verified !== undefined && isAboutBuckets(this.operation ?? '');
  }

  #resources(): AuditResource[] {
    const { bucket = '', key = '' } = this.address ?? {};
    if (bucket === '') return [];
    const keys = key === '' ? this.#keys : [key, ...this.#keys];
    const arn = `arn:aws:s3:::${bucket}`;
    return [
      ...keys.map((each) => ({ type: 'AWS::S3::Object', ARN: `${arn}/${each}` })),
      { type: 'AWS::S3::Bucket', ARN: arn },
    ];
  }
}
