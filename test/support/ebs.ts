// Owns AWS's own client of the EBS direct APIs for a cloud under test, and the errors that it is expected to show.

import assert from 'node:assert/strict';
import { EBSClient } from '@aws-sdk/client-ebs';
import type { IssuedKey } from '@ironbark/cloud/app/accounts.ts';
import { KIB } from '@ironbark/core/units.ts';
import { clientOptions } from './clients.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';

export const BLOCK_BYTES = 512 * KIB;

/** One of the cloud's own account, one of an account that is nobody's friend. */
export async function createEbsClients(
  cloud: CloudUnderTest,
): Promise<{ ebs: EBSClient; stranger: EBSClient }> {
  const key = await cloud.json<IssuedKey>('account', 'add', 'stranger');
  return {
    ebs: new EBSClient(clientOptions(cloud)),
    stranger: new EBSClient(clientOptions(cloud, key)),
  };
}

/** For `assert.rejects`: the error's name, and the reason that it gives. */
export function isEbsError(name: string, reason?: string) {
  return (error: unknown) => {
    const { name: found, Reason } = error as { name: string; Reason?: string };
    assert.deepEqual([found, Reason], [name, reason]);
    return true;
  };
}
