// Owns the command line's own use of the cloud's APIs: the same calls, signed the same way, as anyone else's.

import { createEc2Client, type Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { CliContext } from './context.ts';
import type { AdminApi } from './daemon/admin-api.ts';
import { getDaemon } from './daemon/admin-client.ts';

export async function openEc2(context: CliContext, daemon?: AdminApi): Promise<Ec2Client> {
  const credentials = await (
    daemon ?? (await getDaemon(context.dataDir, context.self))
  ).credentials();
  return createEc2Client({ ...credentials, nowMs: () => context.clock.nowMs() });
}
