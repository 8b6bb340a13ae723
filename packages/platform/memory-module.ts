// Owns programs of threads as texts in memory: a process that has left the host's files behind can still start them.

import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

const IMPORT = /\bfrom '([^']+)'/g;
const OWN = /^(?:\.|@ironbark\/)/;

/** A `data:` URL that is this module and all of ours that it imports. What is imported for its types has to say so. */
export function loadIntoMemory(module: URL): URL {
  return new URL(`data:text/javascript;base64,${textOf(module, []).toString('base64')}`);
}

function textOf(module: URL, above: readonly string[]): Buffer {
  if (above.includes(module.href)) throw new Error(`${module.href} imports itself`);
  const plain = stripTypeScriptTypes(readFileSync(module, 'utf8'), { mode: 'strip' });
  const text = plain.replace(IMPORT, (whole, name: string) => {
    if (!OWN.test(name)) return whole;
    const other = new URL(name.startsWith('.') ? name : import.meta.resolve(name), module);
    const inner = textOf(other, [...above, module.href]).toString('base64');
    return `from 'data:text/javascript;base64,${inner}'`;
  });
  return Buffer.from(text);
}
