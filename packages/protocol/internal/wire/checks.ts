// Owns how a message that came from outside is checked: each field has its form and its limit, none may be missing and
// none may be more, and what passes is a new object that holds nothing else.

import { ServiceError } from '@ironbark/core/errors.ts';
import { type IdPrefix, isResourceId, type ResourceId } from '@ironbark/core/ids.ts';
import {
  cidrContains,
  isHostBlock,
  isPrivate,
  isUnicast,
  parseBlock,
  parseIpv4,
} from '@ironbark/core/ipv4.ts';
import {
  isGuestNetwork6,
  parseBlock6,
  parseIpv6,
  renderCidr6,
  renderIpv6,
} from '@ironbark/core/ipv6.ts';

/** Gives the value as what it has to be, or throws malformed-input that names `path`. */
export type Check<T> = (value: unknown, path: string) => T;

/** A check for each field of `T`: one that the type has and the message's check has not does not compile. */
export type Fields<T> = {
  [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? { optional: Check<Exclude<T[K], undefined>> }
    : Check<T[K]>;
};

export function refuse(path: string, expected: string): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'request',
    message: `The message is refused: ${path === '' ? 'it' : path} is not ${expected}.`,
  });
}

export function object<T extends object>(fields: Fields<T>): Check<T> {
  const names = Object.keys(fields);
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw refuse(path, 'an object');
    }
    const stranger = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
    if (stranger !== undefined) throw refuse(`${path}.${stranger.slice(0, 64)}`, 'known');
    const checked = names.flatMap((name) => {
      const field = fields[name as keyof T] as Check<unknown> | { optional: Check<unknown> };
      const given: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
      if (typeof field === 'function') return [[name, field(given, `${path}.${name}`)]];
      return given === undefined ? [] : [[name, field.optional(given, `${path}.${name}`)]];
    });
    return Object.fromEntries(checked) as T;
  };
}

export function list<T>(item: Check<T>, max: number): Check<T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > max) throw refuse(path, `a list of up to ${max}`);
    return value.map((each, at) => item(each, `${path}[${at}]`));
  };
}

export function record(text: Check<string>, max: number): Check<Record<string, string>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw refuse(path, 'an object');
    }
    const entries = Object.entries(value);
    if (entries.length > max) throw refuse(path, `an object of up to ${max}`);
    const checked = entries.map(([name, each]) => [text(name, path), text(each, path)] as const);
    return Object.fromEntries(checked);
  };
}

/** Free text, in UTF-16 units. */
export function text(max: number): Check<string> {
  return (value, path) => {
    if (typeof value === 'string' && value.length <= max) return value;
    throw refuse(path, `a text of up to ${max} characters`);
  };
}

/** The pattern is anchored at both ends and bounded. */
export function pattern<T extends string>(form: RegExp): Check<T> {
  return (value, path) => {
    if (typeof value === 'string' && form.test(value)) return value as T;
    throw refuse(path, `of the form ${form.source}`);
  };
}

export function oneOf<const T extends string | number>(...values: readonly T[]): Check<T> {
  return (value, path) => {
    const found = values.find((each) => each === value);
    if (found === undefined) throw refuse(path, `one of ${values.join(', ')}`);
    return found;
  };
}

export function integer(min: number, max: number): Check<number> {
  return (value, path) => {
    const isInside = Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
    if (isInside) return Number(value);
    throw refuse(path, `a whole number from ${min} to ${max}`);
  };
}

export const flag: Check<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw refuse(path, 'true or false');
};

export function either<A, B>(one: Check<A>, other: Check<B>): Check<A | B> {
  return (value, path) => {
    try {
      return one(value, path);
    } catch {
      return other(value, path);
    }
  };
}

export function id<Prefix extends IdPrefix>(prefix: Prefix): Check<ResourceId<Prefix>> {
  return (value, path) => {
    if (typeof value === 'string' && isResourceId(prefix, value)) return value;
    throw refuse(path, `an id such as ${prefix}-0123456789abcdef0`);
  };
}

/** An address, or a network, that lies inside a block. */
export function within(block: string, kind: 'address' | 'network'): Check<string> {
  const outer = parseBlock(block);
  if (outer === undefined) throw new RangeError(`not a block: ${block}`);
  const read = (given: string) => {
    if (kind === 'network') return parseBlock(given);
    const base = parseIpv4(given);
    return base === undefined ? undefined : { base, prefix: 32 };
  };
  return (value, path) => {
    const inner = typeof value === 'string' ? read(value) : undefined;
    if (inner !== undefined && cidrContains(outer, inner)) return value as string;
    throw refuse(path, `an IPv4 ${kind} in ${block}`);
  };
}

/** A network of those that nobody has in public: all that a host itself may route to guests. */
export const privateNetwork: Check<string> = (value, path) => {
  const block = typeof value === 'string' ? parseBlock(value) : undefined;
  if (block !== undefined && isPrivate(block)) return value as string;
  throw refuse(path, 'a private IPv4 network');
};

/** A network of guests, whose router is their VPC's own: it may be of public addresses. */
export const guestNetwork: Check<string> = (value, path) => {
  const block = typeof value === 'string' ? parseBlock(value) : undefined;
  if (block !== undefined && isHostBlock(block)) return value as string;
  throw refuse(path, 'an IPv4 network of hosts');
};

/** What guests can have, written as the kernel shows it: texts are compared. */
export const guestAddress6: Check<string> = (value, path) => {
  const base = typeof value === 'string' ? parseIpv6(value) : undefined;
  const isGuests = base !== undefined && isGuestNetwork6({ base, prefix: 128 });
  if (isGuests && renderIpv6(base) === value) return value;
  throw refuse(path, 'an IPv6 address of a guest, as RFC 5952 writes it');
};

export const guestNetwork6: Check<string> = (value, path) => {
  const block = typeof value === 'string' ? parseBlock6(value) : undefined;
  const isGuests = block !== undefined && isGuestNetwork6(block);
  if (isGuests && renderCidr6(block) === value) return value;
  throw refuse(path, 'an IPv6 network of guests, as RFC 5952 writes it');
};

/** Any block. */
export const network6: Check<string> = (value, path) => {
  const block = typeof value === 'string' ? parseBlock6(value) : undefined;
  if (block !== undefined && renderCidr6(block) === value) return value;
  throw refuse(path, 'an IPv6 network, as RFC 5952 writes it');
};

/** Any block. */
export const network: Check<string> = (value, path) => {
  if (typeof value === 'string' && parseBlock(value) !== undefined) return value;
  throw refuse(path, 'an IPv4 network');
};

/** An address that a host can have. */
export const hostAddress: Check<string> = (value, path) => {
  const address = typeof value === 'string' ? parseIpv4(value) : undefined;
  if (address !== undefined && isUnicast(address)) return value as string;
  throw refuse(path, 'an IPv4 address of a host');
};

/** For verbs without an input. */
export const nothing: Check<Record<never, never>> = object({});
