// Owns `npm run conformance -- sigv4`: AWS's published vectors of Signature Version 4 against this cloud's verifier.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '@ironbark/platform/files.ts';
import { atLeast, type Figure, zeroFigure } from '../../support/figures.ts';
import { fetchVectors } from './fetch-vectors.ts';
import { type Form, judgeVector } from './vector.ts';

const FORMS: readonly Form[] = ['header', 'query'];

/** Those that are not to be taken, with the reason. */
const EXPLAINED: Readonly<Record<string, string>> = {
  'post-sts-header-after query':
    'a session token that was put into a URL after it was signed: neither EC2 nor S3 takes one',
};

export async function runSigv4({
  explain,
}: {
  explain: (line: string) => void;
}): Promise<Figure[]> {
  let folder: string;
  try {
    folder = await fetchVectors();
  } catch (error) {
    explain(`SIGV4 SKIPPED: AWS's vectors cannot be had: ${(error as Error).message}`);
    return [{ name: 'sigv4 SKIPPED, not there', value: 0, bar: 0, ok: true }];
  }
  const refused = new Map<string, string>();
  const taken: string[] = [];
  for (const vector of (await readdir(folder)).sort()) {
    // Two are older and say nothing of their signer.
    if (!(await exists(join(folder, vector, 'context.json')))) continue;
    for (const form of FORMS) {
      const name = `${vector} ${form}`;
      const reason = await judgeVector(join(folder, vector), form);
      if (reason === undefined) taken.push(name);
      else refused.set(name, reason);
    }
  }
  for (const [name, reason] of refused) explain(`${name}: ${EXPLAINED[name] ?? reason}`);
  const unexplained = [...refused.keys()].filter((name) => EXPLAINED[name] === undefined);
  const all = taken.length + refused.size;
  return [
    atLeast(`vectors taken, of ${all}`, taken.length, all - Object.keys(EXPLAINED).length),
    zeroFigure('vectors refused without a reason', unexplained.length),
  ];
}
