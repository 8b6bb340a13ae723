// Owns the AWS SDK's clients of a cloud under test, and how a client lives through the daemon's death.

import { EC2Client } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';

const INSIST_MS = 60_000;
const INSIST_INTERVAL_MS = 100;
const AWAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

export function createEc2(cloud: CloudUnderTest): EC2Client {
  return new EC2Client(clientOptions(cloud));
}

export function createS3(cloud: CloudUnderTest): S3Client {
  return new S3Client({ ...clientOptions(cloud), forcePathStyle: true });
}

/** For whoever has the key; the cloud's own account where none is given. */
export function clientOptions(
  { credentials }: CloudUnderTest,
  key: { accessKeyId: string; secretAccessKey: string } = credentials,
) {
  const { endpoint, region } = credentials;
  const { accessKeyId, secretAccessKey } = key;
  // One attempt: what is repeated, and when, is for the test to say.
  return { endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 };
}

/**
 * Repeats a call while nobody answers. `done` names the error that says that an attempt which got no answer
 * had worked; it counts only after such an attempt.
 */
export async function insist<T>(call: () => Promise<T>, done?: string): Promise<T | undefined> {
  const deadline = systemClock.monotonicMs() + INSIST_MS;
  for (let wasAway = false; ; wasAway = true) {
    try {
      return await call();
    } catch (error) {
      if (wasAway && done !== undefined && (error as Error).name === done) return undefined;
      if (!isAway(error) || systemClock.monotonicMs() > deadline) throw error;
      await systemClock.sleep(INSIST_INTERVAL_MS);
    }
  }
}

function isAway(error: unknown): boolean {
  const { code, name, cause } = error as { code?: string; name?: string; cause?: unknown };
  if (code !== undefined && AWAY.has(code)) return true;
  if (name === 'TimeoutError') return true;
  return cause !== undefined && isAway(cause);
}
