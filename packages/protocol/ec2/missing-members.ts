// Owns what EC2 says where a required member is missing and it has words of its own for it.

import { ServiceError } from '@ironbark/core/errors.ts';

const NO_INSTANCES = { kind: 'invalid-combination', message: 'No instances specified' } as const;
const NO_RESOURCES = {
  kind: 'missing-parameter',
  message: 'The request must contain the parameter resourceIdSet',
} as const;

const WORDS: Readonly<Record<string, { kind: ServiceError['kind']; message: string }>> = {
  'CreateTags Resources': NO_RESOURCES,
  'DeleteTags Resources': NO_RESOURCES,
  'RebootInstances InstanceIds': NO_INSTANCES,
  'StartInstances InstanceIds': NO_INSTANCES,
  'StopInstances InstanceIds': NO_INSTANCES,
  'TerminateInstances InstanceIds': NO_INSTANCES,
};

/** Undefined: the model's sentence will do. */
export function missingWords(action: string, member: string): ServiceError | undefined {
  const key = `${action} ${member}`;
  if (!Object.hasOwn(WORDS, key)) return undefined;
  return new ServiceError({ ...WORDS[key]!, resource: 'request' });
}
