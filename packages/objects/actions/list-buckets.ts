// Owns ListBuckets.

import { renderListBuckets } from '@ironbark/protocol/s3/list-results.ts';
import { requireAccount } from '../app/access.ts';
import { successor } from '../app/keys.ts';
import { listBuckets as listRows } from '../store/buckets.ts';
import { readLimit, type S3Action, xmlResponse } from './action.ts';

const MAX_BUCKETS_A_PAGE = 10_000;

export const listBuckets: S3Action = async (context, request) => {
  const { accountId } = requireAccount(request.principal, request.operation);
  const prefix = request.query.get('prefix');
  const limit = readLimit(request, 'max-buckets', MAX_BUCKETS_A_PAGE);
  const prefixEnd = successor(prefix ?? '');
  const rows = await listRows(context.db.query, {
    accountId,
    prefixStart: prefix ?? '',
    ...(prefixEnd === undefined ? {} : { prefixEnd }),
    after: request.query.get('continuation-token') ?? '',
    limit: limit + 1,
  });
  const buckets = rows
    .slice(0, limit)
    .map((row) => ({ name: row.name, createdAtMs: row.created_at }));
  return xmlResponse(
    renderListBuckets({
      ownerId: accountId,
      region: context.region,
      buckets,
      prefix,
      nextToken: rows.length > limit ? buckets.at(-1)?.name : undefined,
    }),
  );
};
