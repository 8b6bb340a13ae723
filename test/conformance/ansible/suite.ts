// Owns `npm run conformance -- ansible`: the modules of Ansible's AWS collections against a cloud with simulated nodes, a
// playbook for each area. Each makes its things twice and takes them away twice: the second time nothing may change.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { CloudUnderTest } from '../../support/cloud-under-test.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { listHoldings } from '../account-holdings.ts';
import { type Ansible, fetchAnsible } from './fetch-ansible.ts';

export interface AnsibleRun {
  /** Names of playbooks, with commas between them; all of them when absent. */
  only: string | undefined;
  explain: (line: string) => void;
}

/** One line of outcomes.py. */
interface TaskOutcome {
  task: string;
  module: string;
  outcome: 'ok' | 'changed' | 'skipped' | 'failed';
  message: string;
}

interface Counts {
  tasks: number;
  failed: number;
  changedAgain: number;
  left: number;
}

const PLAYBOOKS = join(import.meta.dirname, 'playbooks');
const PASS_TIMEOUT_MS = 600_000;
/** What takes nothing away is not asked to have changed nothing. */
const PASSES = [
  { tag: 'create', again: false },
  { tag: 'create', again: true },
  { tag: 'delete', again: false },
  { tag: 'delete', again: true },
] as const;

export async function runAnsible({ only, explain }: AnsibleRun): Promise<Figure[]> {
  const files = await readdir(PLAYBOOKS);
  const all = files.map((file) => basename(file, '.yml')).sort();
  const names = only?.split(',') ?? all;
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`--only takes names of ${all.join(', ')}`);
  const ansible = await fetchAnsible(explain);
  if (typeof ansible === 'string') {
    explain(`ANSIBLE SKIPPED: ${ansible}`);
    return [{ name: 'ansible SKIPPED, not there', value: 0, bar: 0, ok: true }];
  }
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const figures: Figure[] = [];
  for (const name of names) figures.push(...(await runPlaybook(cloud, ansible, name, explain)));
  return figures;
}

async function runPlaybook(
  cloud: CloudUnderTest,
  ansible: Ansible,
  name: string,
  explain: (line: string) => void,
): Promise<Figure[]> {
  const before = new Set(await listHoldings(cloud));
  const counts: Counts = { tasks: 0, failed: 0, changedAgain: 0, left: 0 };
  for (const { tag, again } of PASSES) {
    const outcomes = await runPass(cloud, ansible, { name, tag });
    const pass = `${name}, ${tag}${again ? ' again' : ''}`;
    explain(`${pass}: ${describeOutcomes(outcomes)}`);
    const failed = outcomes.filter(({ outcome }) => outcome === 'failed');
    const changed = again ? outcomes.filter(({ outcome }) => outcome === 'changed') : [];
    for (const { task, module, message } of [...failed, ...changed]) {
      explain(`  ${pass}: ${task} (${module}): ${message === '' ? 'changed' : message}`);
    }
    counts.tasks += outcomes.length;
    counts.failed += failed.length;
    counts.changedAgain += changed.length;
  }
  const left = (await listHoldings(cloud)).filter((one) => !before.has(one));
  for (const one of left) explain(`  ${name}: ${one} is left`);
  return toFigures(name, { ...counts, left: left.length });
}

function describeOutcomes(outcomes: readonly TaskOutcome[]): string {
  const groups = Map.groupBy(outcomes, ({ outcome }) => outcome);
  return [...groups].map(([outcome, some]) => `${some.length} ${outcome}`).join(', ');
}

function toFigures(name: string, { tasks, failed, changedAgain, left }: Counts): Figure[] {
  return [
    { name: `${name}: tasks run`, value: tasks, bar: 1, ok: tasks > 0 },
    zeroFigure(`${name}: tasks that failed`, failed),
    zeroFigure(`${name}: changes of a second run`, changedAgain),
    zeroFigure(`${name}: things left`, left),
  ];
}

async function runPass(
  cloud: CloudUnderTest,
  { bin, collections }: Ansible,
  { name, tag }: { name: string; tag: string },
): Promise<TaskOutcome[]> {
  const home = await mkdtemp(join(tmpdir(), 'ironbark-ansible-'));
  const python = `ansible_python_interpreter=${join(bin, 'python')}`;
  const place = ['-i', 'localhost,', '-c', 'local', '-e', python];
  try {
    const { stdout } = await systemCommands.run(
      join(bin, 'ansible-playbook'),
      [...place, '--tags', tag, join(PLAYBOOKS, `${name}.yml`)],
      {
        cwd: home,
        env: { ...cloud.environment(), ...settings(collections), HOME: home, ANSIBLE_HOME: home },
        timeoutMs: PASS_TIMEOUT_MS,
        // 2: a task failed, which its line says.
        allowExitCodes: [0, 2],
      },
    );
    return parseOutcomes(stdout);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function settings(collections: string): Record<string, string> {
  return {
    ANSIBLE_COLLECTIONS_PATH: collections,
    ANSIBLE_CALLBACK_PLUGINS: import.meta.dirname,
    ANSIBLE_STDOUT_CALLBACK: 'outcomes',
    ANSIBLE_LOCALHOST_WARNING: 'false',
    // The checkout stays as it is.
    PYTHONDONTWRITEBYTECODE: '1',
    LANG: 'C.UTF-8',
  };
}

function parseOutcomes(stdout: string): TaskOutcome[] {
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as TaskOutcome);
}
