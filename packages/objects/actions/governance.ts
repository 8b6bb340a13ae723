// Owns the header by which a caller overrides governance, and the right to do so.

import { hasAccess } from '../app/access.ts';
import type { ObjectsContext } from '../app/context.ts';
import type { BucketRequest } from './action.ts';

const BYPASS = 'x-amz-bypass-governance-retention';

/** True when the caller asks for it and may. */
export async function bypassesGovernance(
  context: ObjectsContext,
  request: BucketRequest,
  key: string,
): Promise<boolean> {
  if (request.header(BYPASS)?.toLowerCase() !== 'true') return false;
  const { bucket, operation } = request;
  const permission = { action: 's3:BypassGovernanceRetention' };
  return await hasAccess(context, request, { bucket, key, operation, permission });
}
