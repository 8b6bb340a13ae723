// Owns one case of the authorization matrix: a request, and what it has to be answered.

import { isIPv4 } from 'node:net';
import type { AccountResources } from './account-resources.ts';
import type { Answer, Caller } from './signed-call.ts';

/** One request with what it has to be answered. */
export interface MatrixCase {
  /** `RunInstances SubnetId, another account`. */
  name: string;
  send: () => Promise<Answer>;
  /** What is wrong with the answer; undefined when it is right. */
  check: (answer: Answer) => string | undefined;
}

/** An account that is attacked, and those who have no right to it. */
export interface MatrixWorld {
  dataDir: string;
  owner: AccountResources;
  other: AccountResources;
  /** A user of the owner's account without a policy. */
  user: Caller;
}

/** The answer has this status and code. */
export function answers(status: number, code: string): MatrixCase['check'] {
  return (answer) =>
    answer.status === status && answer.code === code
      ? undefined
      : `${answer.status} ${answer.code || answer.text.slice(0, 200)}, not ${status} ${code}`;
}

export function unsigned({ endpoint, region }: Caller): Caller {
  return { endpoint, region, key: undefined };
}

export function wrongSecret(caller: Caller): Caller {
  const { accessKeyId } = caller.key!;
  return { ...caller, key: { accessKeyId, secretAccessKey: 'not the secret' } };
}

/** Whatever identifies a resource of this account; private addresses may be the same in two VPCs. */
export function findTrace(answer: Answer, owner: AccountResources): string | undefined {
  const traces = Object.values(owner).filter(
    (value): value is string => typeof value === 'string' && value.length > 3,
  );
  const seen = traces.filter((trace) => !isIPv4(trace) && answer.text.includes(trace));
  return seen.length === 0 ? undefined : `shows ${seen.join(', ')}`;
}
