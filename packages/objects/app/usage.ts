// Owns what each bucket holds, counted on request: in pieces, so that others are served meanwhile.

import { listAllBuckets } from '../store/buckets.ts';
import { findKeyBehind, type KeySpan, sumKeys } from '../store/usage.ts';
import type { ObjectsContext } from './context.ts';

export interface BucketUsage {
  name: string;
  accountId: string;
  /** Keys that show an object. */
  objects: number;
  /** Of all versions, those that nobody sees included; delete markers are none. */
  versions: number;
  bytes: number;
}

/** Keys that are counted between two moments for others. */
const KEYS_A_PIECE = 20_000;

export async function measureUsage({ db }: Pick<ObjectsContext, 'db'>): Promise<BucketUsage[]> {
  const usages: BucketUsage[] = [];
  for (const { id: bucketId, name, account_id: accountId } of await listAllBuckets(db.query)) {
    const usage = { name, accountId, objects: 0, versions: 0, bytes: 0 };
    let after = '';
    for (let until: string | undefined = ''; until !== undefined; after = until ?? after) {
      until = await findKeyBehind(db.query, { bucketId, after, keys: KEYS_A_PIECE });
      const span: KeySpan = { bucketId, after, until };
      const sum = await sumKeys(db.query, span);
      usage.objects += sum.objects;
      usage.versions += sum.versions;
      usage.bytes += sum.bytes;
      await new Promise((resolve) => setImmediate(resolve));
    }
    usages.push(usage);
  }
  return usages;
}
