// Owns the EBS direct APIs on the wire: which method and path is which operation, and what its parameters are.
// Source: "EBS direct APIs API Reference". The rest of EBS's API is part of EC2's.

import { ServiceError } from '@ironbark/core/errors.ts';

/** Every operation that AWS has. */
export const EBS_OPERATIONS = [
  'CompleteSnapshot',
  'GetSnapshotBlock',
  'ListChangedBlocks',
  'ListSnapshotBlocks',
  'PutSnapshotBlock',
  'StartSnapshot',
] as const;
export type EbsOperation = (typeof EBS_OPERATIONS)[number];

export interface EbsRequest {
  operation: EbsOperation;
  /** From the path, as they stand there: not checked yet. */
  snapshotId: string;
  blockIndex: string;
  query: ReadonlyMap<string, string>;
  /** By their names in lower case. */
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

/** `*` takes one segment, by the name that follows it. */
const ROUTES: readonly [method: string, path: string, operation: EbsOperation][] = [
  ['GET', '/snapshots/*snapshotId/blocks', 'ListSnapshotBlocks'],
  ['GET', '/snapshots/*snapshotId/changedblocks', 'ListChangedBlocks'],
  ['GET', '/snapshots/*snapshotId/blocks/*blockIndex', 'GetSnapshotBlock'],
  ['PUT', '/snapshots/*snapshotId/blocks/*blockIndex', 'PutSnapshotBlock'],
  ['POST', '/snapshots', 'StartSnapshot'],
  ['POST', '/snapshots/completion/*snapshotId', 'CompleteSnapshot'],
];

/** Throws unknown-action for what is none of them. */
export function readEbsRequest(
  method: string,
  rawTarget: string,
  { headers, body }: Pick<EbsRequest, 'headers' | 'body'>,
): EbsRequest {
  const at = rawTarget.indexOf('?');
  const path = at < 0 ? rawTarget : rawTarget.slice(0, at);
  const query = new URLSearchParams(at < 0 ? '' : rawTarget.slice(at + 1));
  for (const [wanted, pattern, operation] of ROUTES) {
    const names = wanted === method ? matchPath(pattern, path) : undefined;
    if (names === undefined) continue;
    const { snapshotId = '', blockIndex = '' } = names;
    return { operation, snapshotId, blockIndex, query: new Map(query), headers, body };
  }
  throw new ServiceError({
    kind: 'unknown-action',
    resource: 'action',
    message: `The EBS direct APIs have no ${method.slice(0, 16)} ${path.slice(0, 100)}.`,
  });
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const names: Record<string, string> = {};
  for (const [at, step] of wanted.entries()) {
    if (step.startsWith('*')) names[step.slice(1)] = given[at]!;
    else if (step !== given[at]) return undefined;
  }
  return names;
}
