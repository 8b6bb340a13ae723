// Owns `ironbark s3`: every bucket of the cloud, whose it is and what it holds.

import { renderBytes } from '@ironbark/core/units.ts';
import type { BucketUsage } from '@ironbark/objects/app/usage.ts';
import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { renderTable } from '../terminal.ts';

export async function showBuckets(context: CliContext): Promise<void> {
  const daemon = await getDaemon(context.dataDir, context.self);
  const buckets = await daemon.bucketUsage();
  context.terminal.result(buckets, () => renderBuckets(buckets, context.self));
}

const HEADINGS = ['BUCKET', 'ACCOUNT', 'OBJECTS', 'VERSIONS', 'SIZE'];

function renderBuckets(buckets: readonly BucketUsage[], self: string): string {
  if (buckets.length === 0) return `No buckets. Make one: aws s3 mb s3://NAME (${self} env)`;
  const rows = buckets.map(({ name, accountId, objects, versions, bytes }) => [
    name,
    accountId,
    String(objects),
    String(versions),
    renderBytes(bytes),
  ]);
  return renderTable(HEADINGS, rows);
}
