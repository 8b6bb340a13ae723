// Owns the sentences with which requests are refused, so that the same mistake always gets the same answer.

import { type ErrorKind, type ErrorResource, ServiceError } from '@ironbark/core/errors.ts';

export function refuse(kind: ErrorKind, resource: ErrorResource, message: string): ServiceError {
  return new ServiceError({ kind, resource, message });
}

/** Refuses ids that do not exist, all of them in one sentence as EC2 does. */
export function notFound(
  resource: ErrorResource,
  noun: string,
  ids: readonly string[],
): ServiceError {
  const many = ids.length > 1;
  const list = resource === 'image' ? `[${ids.join(', ')}]` : ids.join(', ');
  return refuse(
    'not-found',
    resource,
    `The ${noun}${many ? 's' : ''} '${list}' ${many ? 'do' : 'does'} not exist`,
  );
}

export function missingParameter(name: string): ServiceError {
  return refuse('missing-parameter', 'request', `The request must contain the parameter ${name}`);
}

export function invalidValue(name: string, value: unknown, expected: string): ServiceError {
  return refuse(
    'invalid-parameter',
    'request',
    `Value (${String(value)}) for parameter ${name} is invalid. ${expected}`,
  );
}

export function invalidCombination(message: string): ServiceError {
  return refuse('invalid-combination', 'request', message);
}

/** Refuses what EC2 knows and this cloud does not offer; ignoring it would change what the caller gets. */
export function notOffered(what: string, instead?: string): ServiceError {
  const hint = instead === undefined ? '' : ` ${instead}`;
  return refuse('unsupported', 'action', `${what} is not offered by this cloud.${hint}`);
}

/** Refuses the first of these parameters that the request sets, by its name. */
export function refuseParameters(input: object, names: readonly string[], instead?: string): void {
  for (const name of names) {
    const value = (input as Record<string, unknown>)[name];
    const isSet = value !== undefined && !(Array.isArray(value) && value.length === 0);
    if (isSet) throw notOffered(`The parameter ${name}`, instead);
  }
}
