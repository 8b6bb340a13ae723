// Owns the Walrus that ceph/s3-tests runs against, and the configuration by which the suite finds it.
//
// It is the product with three settings of its own: who may sign, lists where nobody has set ownership (the suite is
// written for what AWS did before April 2023), and Signature Version 2.

import { join } from 'node:path';
import { startObjects } from '@ironbark/objects/main.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { accountKeyArn } from '@ironbark/protocol/internal/account-key-names.ts';
import type { AccessKeyRecord } from '@ironbark/protocol/internal/identity-client.ts';
import { openKeyring } from '@ironbark/storage/app/keyring.ts';

/** Clients that are told of no region sign for this one. */
export const REGION = 'us-east-1';

const ACCOUNTS = {
  's3 main': '000000000001',
  's3 alt': '000000000002',
  's3 tenant': '000000000003',
  iam: '000000000004',
  'iam root': '000000000005',
  'iam alt root': '000000000006',
} as const;

function keyOf(accountId: string): AccessKeyRecord {
  const arn = `arn:aws:iam::${accountId}:root`;
  return {
    accessKeyId: `AKIA${accountId}TEST`,
    secretAccessKey: `not a secret of ${accountId}`.replaceAll(' ', '-'),
    principal: { accountId, arn, userId: accountId, isRoot: true },
  };
}

export interface SuiteServer extends AsyncDisposable {
  /** The text of the suite's configuration file. */
  configuration: string;
}

export async function startSuiteServer(folder: string): Promise<SuiteServer> {
  await using undo = new AsyncDisposableStack();
  const records = Object.values(ACCOUNTS).map(keyOf);
  const keyring = await openKeyring(
    { path: join(folder, 'keyring') },
    { random: systemRandom, knownEnvelope: undefined },
  );
  const objects = undo.use(
    await startObjects({
      dataDir: join(folder, 'objects'),
      identity: {
        findAccessKey: async (id) => records.find((record) => record.accessKeyId === id),
      },
      envelopes: () => keyring,
      defaultOwnership: 'ObjectWriter',
      allowsSignatureV2: true,
      region: REGION,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      systemAccountId: '000000000000',
    }),
  );
  const listener = undo.use(
    await listen({
      address: { host: '127.0.0.1', port: 0 },
      handler: objects.handler,
      logger: silentLogger,
      handlesContinue: true,
      requestTimeoutMs: 0,
    }),
  );
  const owned = undo.move();
  return {
    configuration: renderConfiguration(listener.port),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** By an address, so that the clients put buckets into the path. */
function renderConfiguration(port: number): string {
  const sections = Object.entries(ACCOUNTS).map(([name, accountId]) => {
    const { accessKeyId, secretAccessKey } = keyOf(accountId);
    const kms = accountKeyArn({ region: REGION, accountId, alias: 'alias/aws/s3' });
    return [
      `[${name}]`,
      `display_name = ${accountId}`,
      `user_id = ${accountId}`,
      `email = ${accountId}@example.com`,
      // The location of buckets in this region is empty.
      'api_name =',
      `access_key = ${accessKeyId}`,
      `secret_key = ${secretAccessKey}`,
      `kms_keyid = ${kms}`,
      `kms_keyid2 = ${kms}`,
      `tenant = ${accountId}`,
    ].join('\n');
  });
  const head = `[DEFAULT]\nhost = 127.0.0.1\nport = ${port}\nis_secure = False\nssl_verify = False\n`;
  return [head, '[fixtures]\nbucket prefix = suite-{random}-\n', ...sections, ''].join('\n');
}
