// Owns what EC2 says of a member in words of its own: where a required one is missing, or an attribute is unknown.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Operation } from '../models/service-model.ts';
import { type FormNode, quote } from '../query/form.ts';

const NO_INSTANCES = { kind: 'invalid-combination', message: 'No instances specified' } as const;
const NO_RESOURCES = {
  kind: 'missing-parameter',
  message: 'The request must contain the parameter resourceIdSet',
} as const;

const WORDS: Readonly<Record<string, { kind: ServiceError['kind']; message: string }>> = {
  'CreateTags Resources': NO_RESOURCES,
  'DeleteTags Resources': NO_RESOURCES,
  'MonitorInstances InstanceIds': NO_INSTANCES,
  'RebootInstances InstanceIds': NO_INSTANCES,
  'StartInstances InstanceIds': NO_INSTANCES,
  'StopInstances InstanceIds': NO_INSTANCES,
  'TerminateInstances InstanceIds': NO_INSTANCES,
  'UnmonitorInstances InstanceIds': NO_INSTANCES,
};

/** Undefined: the model's sentence will do. */
export function missingWords(action: string, member: string): ServiceError | undefined {
  const key = `${action} ${member}`;
  if (!Object.hasOwn(WORDS, key)) return undefined;
  return new ServiceError({ ...WORDS[key]!, resource: 'request' });
}

/** ec2-api's tests of images, which passed on AWS; of instances' attributes EC2 says `InvalidParameterValue`. */
const OF_IMAGES: ReadonlySet<string> = new Set(['DescribeImageAttribute', 'ResetImageAttribute']);

export function checkImageAttribute({ name, input }: Operation, form: FormNode): void {
  if (!OF_IMAGES.has(name)) return;
  const text = form.children.get('Attribute')?.value;
  const shape = input?.byKey.get('Attribute')?.shape;
  if (text === undefined || shape?.kind !== 'enum' || shape.values.has(text)) return;
  throw new ServiceError({
    kind: 'unknown-parameter',
    resource: 'image-attribute',
    message: `The request received was invalid: ${quote(text)} is no attribute of an image.`,
  });
}
