// Owns the command line's own use of the EC2 API: the same calls, signed the same way, as anyone else's.

import { createEc2Client, type Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { CliContext } from './context.ts';
import { getDaemon } from './daemon/admin-client.ts';

export async function openEc2(context: CliContext): Promise<Ec2Client> {
  const credentials = await (await getDaemon(context.dataDir)).credentials();
  return createEc2Client(credentials);
}
