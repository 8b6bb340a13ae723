// Owns the rows of the authorization matrix for the EBS direct APIs: every operation.

import { EBS_OPERATIONS, type EbsOperation } from '@ironbark/protocol/ebs/operations.ts';
import type { AccountResources } from './account-resources.ts';
import {
  answers,
  findTrace,
  type MatrixCase,
  type MatrixWorld,
  unsigned,
  wrongSecret,
} from './matrix-case.ts';
import { type Answer, type Caller, type RawCall, send } from './signed-call.ts';

type Row = (own: AccountResources) => Pick<RawCall, 'method' | 'target' | 'body'>;

/** Who gets as far as these may do it; nothing is to change here all the same. */
const TOO_MANY = Array.from({ length: 51 }, (_, at) => ({ Key: `k${at}`, Value: '' }));

/** A new operation does not compile until it has a row. */
const ROWS: Readonly<Record<EbsOperation, Row>> = {
  ListSnapshotBlocks: (own) => ({ method: 'GET', target: `/snapshots/${own.snapshot}/blocks` }),
  ListChangedBlocks: (own) => ({
    method: 'GET',
    target: `/snapshots/${own.snapshot}/changedblocks?firstSnapshotId=${own.snapshot}`,
  }),
  GetSnapshotBlock: (own) => ({
    method: 'GET',
    target: `/snapshots/${own.snapshot}/blocks/0?blockToken=x`,
  }),
  PutSnapshotBlock: (own) => ({ method: 'PUT', target: `/snapshots/${own.snapshot}/blocks/0` }),
  StartSnapshot: (own) => ({
    method: 'POST',
    target: '/snapshots',
    body: JSON.stringify({ VolumeSize: 100, ParentSnapshotId: own.snapshot, Tags: TOO_MANY }),
  }),
  CompleteSnapshot: (own) => ({ method: 'POST', target: `/snapshots/completion/${own.snapshot}` }),
};

export function snapshotBlockCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  return EBS_OPERATIONS.flatMap((operation) => {
    // Nothing says that an unsigned request is for this service, so S3 takes it for one for a bucket, which is not there.
    const ways: [string, Caller, AccountResources, MatrixCase['check']][] = [
      ['unsigned', unsigned(owner.caller), owner, answers(404, 'NoSuchBucket')],
      ['wrong secret', wrongSecret(owner.caller), owner, answers(403, 'InvalidSignatureException')],
      ['denied user', user, owner, answers(403, 'AccessDeniedException')],
      ['owner', owner.caller, owner, reaches(operation)],
      ['another account', other.caller, owner, absent(owner)],
      ['another account, its own', other.caller, other, reaches(operation)],
    ];
    return ways.map(([way, caller, whose, check]) => ({
      name: `${operation}, ${way}`,
      send: () => send(caller, { service: 'ebs', ...ROWS[operation](whose) }),
      check,
    }));
  });
}

/** Blocks are read with a token, and written to snapshots that were begun: that is missing then, nothing else. */
const REACHED: Readonly<Record<EbsOperation, MatrixCase['check']>> = {
  ListSnapshotBlocks: answers(200, ''),
  ListChangedBlocks: answers(200, ''),
  GetSnapshotBlock: answers(400, 'ValidationException'),
  PutSnapshotBlock: answers(400, 'ValidationException'),
  StartSnapshot: answers(402, 'ServiceQuotaExceededException'),
  CompleteSnapshot: answers(400, 'ValidationException'),
};

function reaches(operation: EbsOperation): MatrixCase['check'] {
  return REACHED[operation];
}

function absent(owner: AccountResources): MatrixCase['check'] {
  const refused = answers(404, 'ResourceNotFoundException');
  return (answer: Answer) => {
    const { snapshot, ...rest } = owner;
    // The message repeats what was asked for.
    return refused(answer) ?? findTrace(answer, { ...rest, snapshot: '' });
  };
}
