// Owns `npm run conformance -- clients`: the clients that people have, each through an ordinary day with Walrus.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from '../../support/figures.ts';
import { KEYS, REGION, startEndpoint } from '../s3/endpoint.ts';
import { type ClientName, fetchClient } from './fetch-clients.ts';
import { describeFailure, WORKFLOWS, type Workplace } from './workflows.ts';

export interface ClientsRun {
  /** One client alone. */
  only?: string | undefined;
  explain: (line: string) => void;
}

export async function runClientWorkflows({ only, explain }: ClientsRun): Promise<Figure[]> {
  const names = (Object.keys(WORKFLOWS) as ClientName[]).filter(
    (name) => only === undefined || name === only,
  );
  if (names.length === 0) throw new Error(`no client ${only}`);
  const figures: Figure[] = [];
  for (const name of names) {
    const program = await fetchClient(name);
    if (typeof program === 'string') figures.push(await runOne(name, program, explain));
    else {
      explain(`${name.toUpperCase()} SKIPPED, it cannot be had here: ${program.missing}`);
      figures.push({ name: `${name} SKIPPED, not there`, value: 0, bar: 0, ok: true });
    }
  }
  return figures;
}

async function runOne(
  name: ClientName,
  program: string,
  explain: (line: string) => void,
): Promise<Figure> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-client-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const endpoint = undo.use(await startEndpoint());
  if (name === 's3fs') await endpoint.send({ method: 'PUT', path: '/s3fs' });
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  const home = join(folder, 'home');
  await mkdir(home);
  const { url } = endpoint;
  const place: Workplace = {
    program,
    url,
    region: REGION,
    accessKeyId,
    secretAccessKey,
    folder: home,
  };
  try {
    await WORKFLOWS[name](place);
    return { name: `${name}: failed`, value: 0, bar: 0, ok: true };
  } catch (error) {
    explain(`${name}: ${describeFailure(error)}`);
    return { name: `${name}: failed`, value: 1, bar: 0, ok: false };
  }
}
