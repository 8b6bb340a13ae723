// Owns `application/x-www-form-urlencoded` requests: parsed once into a tree, split at the dots of the keys.

import { ServiceError } from '@ironbark/core/errors.ts';

/** One step of a dotted key: `Filter.1.Name` is three nodes deep. */
export interface FormNode {
  value: string | undefined;
  readonly children: Map<string, FormNode>;
}

/** A request that names 1,000 resources with 50 tags each stays below; so does every AWS limit. */
const MAX_PARAMETERS = 4096;
/** AWS's deepest request member is 15 steps down. */
const MAX_DEPTH = 24;
/** For messages: what the caller sent, but not all of a megabyte. */
const MAX_QUOTED = 120;

/** Parses the query string and the body of one request; a key given twice is refused. */
export function parseForm(...sources: readonly string[]): FormNode {
  const root = createNode();
  const pairs = sources.flatMap((source) => (source === '' ? [] : source.split('&')));
  if (pairs.length > MAX_PARAMETERS) {
    throw malformed(`A request may have ${MAX_PARAMETERS} parameters; this has ${pairs.length}.`);
  }
  for (const pair of pairs) {
    if (pair !== '') addPair(root, pair);
  }
  return root;
}

export function quote(text: string): string {
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED)}...`;
}

function createNode(): FormNode {
  return { value: undefined, children: new Map() };
}

function addPair(root: FormNode, pair: string): void {
  const at = pair.indexOf('=');
  const key = decodeText(at < 0 ? pair : pair.slice(0, at));
  const steps = key.split('.');
  if (steps.length > MAX_DEPTH) throw malformed(`The parameter ${quote(key)} is nested too deep.`);
  let node = root;
  for (const step of steps) {
    let child = node.children.get(step);
    if (child === undefined) {
      child = createNode();
      node.children.set(step, child);
    }
    node = child;
  }
  if (node.value !== undefined) throw malformed(`The parameter ${quote(key)} is given twice.`);
  node.value = at < 0 ? '' : decodeText(pair.slice(at + 1));
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw malformed(`The request has a broken percent-encoding near ${quote(text)}.`, cause);
  }
}

function malformed(message: string, cause?: unknown): ServiceError {
  return new ServiceError({ kind: 'malformed-input', resource: 'request', message, cause });
}
