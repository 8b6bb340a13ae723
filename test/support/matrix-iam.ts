// Owns the rows of the authorization matrix for IAM and STS: every operation that is offered, with what it needs.

import { IAM_ACTIONS } from '@ironbark/cloud/actions/table-iam.ts';
import { STS_ACTIONS } from '@ironbark/cloud/actions/table-sts.ts';
import { iamModel } from '@ironbark/protocol/iam/model.ts';
import type { Shape, StructureShape } from '@ironbark/protocol/models/service-model.ts';
import {
  answers,
  type MatrixCase,
  type MatrixWorld,
  unsigned,
  wrongSecret,
} from './matrix-case.ts';
import { type Answer, type Caller, callIam, callSts } from './signed-call.ts';

/** From the model: every member that has to be there, with something in it. */
function fill(shape: StructureShape | undefined): Record<string, unknown> {
  const required = (shape?.members ?? []).filter((member) => member.required);
  return Object.fromEntries(required.map((member) => [member.name, someValue(member.shape)]));
}

function someValue(shape: Shape): unknown {
  if (shape.kind === 'structure') return fill(shape);
  if (shape.kind === 'list') return [someValue(shape.item)];
  if (shape.kind === 'enum') return [...shape.values][0];
  return shape.kind === 'integer' ? 1 : 'denied';
}

const STS_ROWS: Readonly<Record<string, (world: MatrixWorld) => object>> = {
  AssumeRole: () => ({
    RoleArn: 'arn:aws:iam::000000000001:role/none',
    RoleSessionName: 'matrix',
  }),
  DecodeAuthorizationMessage: () => ({ EncodedMessage: 'x' }),
  GetAccessKeyInfo: ({ owner }) => ({ AccessKeyId: owner.caller.key!.accessKeyId }),
  GetCallerIdentity: () => ({}),
  // Too short, so that the one who may have it gets none.
  GetSessionToken: () => ({ DurationSeconds: 1 }),
};

/** What anybody may call who has a key at all: IAM User Guide, "GetCallerIdentity", "GetSessionToken". */
const OPEN_TO_USERS: Readonly<Record<string, MatrixCase['check']>> = {
  GetCallerIdentity: answers(200, ''),
  GetSessionToken: answers(400, 'ValidationError'),
};

/** The rows that the id table lacks. */
export function unmatchedStsActions(): string[] {
  return STS_ACTIONS.filter((action) => !Object.hasOwn(STS_ROWS, action));
}

export function iamCases({ owner, user }: MatrixWorld): MatrixCase[] {
  return IAM_ACTIONS.flatMap((action) => {
    const input = fill(iamModel().findOperation(action)!.input);
    const denied = answers(403, 'AccessDenied');
    return waysOf(owner.caller, user, denied).map(([way, caller, check]) => ({
      name: `${action}, ${way}`,
      send: () => callIam(caller, action, input),
      check,
    }));
  });
}

export function stsCases(world: MatrixWorld): MatrixCase[] {
  const { owner, user } = world;
  return STS_ACTIONS.flatMap((action) => {
    const input = STS_ROWS[action]!(world);
    const denied = OPEN_TO_USERS[action] ?? answers(403, 'AccessDenied');
    return waysOf(owner.caller, user, denied).map(([way, caller, check]) => ({
      name: `${action}, ${way}`,
      send: (): Promise<Answer> => callSts(caller, action, input),
      check,
    }));
  });
}

type Way = [name: string, caller: Caller, check: MatrixCase['check']];

function waysOf(owner: Caller, user: Caller, denied: MatrixCase['check']): Way[] {
  return [
    ['unsigned', unsigned(owner), answers(403, 'MissingAuthenticationToken')],
    ['wrong secret', wrongSecret(owner), answers(403, 'SignatureDoesNotMatch')],
    ['denied user', user, denied],
  ];
}
