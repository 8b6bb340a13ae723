// Owns `npm run conformance -- terraform`: Terraform's AWS provider against a cloud with simulated nodes. Each stack is
// applied, planned again without a change, changed in place, planned again, and destroyed with nothing left.

import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { CloudUnderTest } from '../../support/cloud-under-test.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { listHoldings } from '../account-holdings.ts';
import { findTerraform, type Terraform } from './find-terraform.ts';

export interface TerraformRun {
  /** Names of stacks, with commas between them; all of them when absent. */
  only: string | undefined;
  explain: (line: string) => void;
}

interface Counts {
  resources: number;
  failed: number;
  planned: number;
  replaced: number;
  left: number;
}

const STACKS = join(import.meta.dirname, 'stacks');
const COMMAND_TIMEOUT_MS = 600_000;
const MAX_OUTPUT_BYTES = 64 * 1_024 * 1_024;

export async function runTerraform({ only, explain }: TerraformRun): Promise<Figure[]> {
  const all = (await readdir(STACKS)).sort();
  const names = only?.split(',') ?? all;
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`--only takes names of ${all.join(', ')}`);
  const terraform = await findTerraform();
  if (typeof terraform === 'string') {
    explain(`TERRAFORM SKIPPED: ${terraform}`);
    return [{ name: 'terraform SKIPPED, not there', value: 0, bar: 0, ok: true }];
  }
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const figures: Figure[] = [];
  for (const name of names) figures.push(...(await runStack(cloud, terraform, name, explain)));
  return figures;
}

async function runStack(
  cloud: CloudUnderTest,
  terraform: Terraform,
  name: string,
  explain: (line: string) => void,
): Promise<Figure[]> {
  const before = new Set(await listHoldings(cloud));
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-terraform-'));
  const counts: Counts = { resources: 0, failed: 0, planned: 0, replaced: 0, left: 0 };
  try {
    await layOut(folder, terraform, name);
    const stack = new Stack(cloud, terraform, folder);
    await live(stack, counts, (line) => explain(`${name}: ${line}`));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const left = (await listHoldings(cloud)).filter((one) => !before.has(one));
  for (const one of left) explain(`  ${name}: ${one} is left`);
  return toFigures(name, { ...counts, left: left.length });
}

function toFigures(name: string, counts: Counts): Figure[] {
  const { resources, failed, planned, replaced, left } = counts;
  return [
    { name: `${name}: resources made`, value: resources, bar: 1, ok: resources > 0 },
    zeroFigure(`${name}: commands that failed`, failed),
    zeroFigure(`${name}: changes that a second plan wants`, planned),
    zeroFigure(`${name}: resources replaced by an update in place`, replaced),
    zeroFigure(`${name}: things left`, left),
  ];
}

/** The second step changes only what the provider can change in place. */
async function live(stack: Stack, counts: Counts, say: (line: string) => void): Promise<void> {
  const attempt = async (what: string, work: () => Promise<string>) => {
    try {
      say(`${what}: ${await work()}`);
      return true;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      counts.failed += 1;
      say(`${what} FAILED:\n${error.stderr}`);
      return false;
    }
  };
  await attempt('init', () => stack.init());
  for (const step of [1, 2]) {
    const made = await attempt(`apply ${step}`, async () => {
      const wanted = await stack.plan(step);
      if (step > 1) counts.replaced += wanted.filter(isReplaced).length;
      for (const change of step > 1 ? wanted.filter(isReplaced) : []) say(`  ${describe(change)}`);
      await stack.apply();
      counts.resources = Math.max(counts.resources, await stack.countResources());
      return `${wanted.length} changes`;
    });
    if (!made) break;
    await attempt(`plan ${step} again`, async () => {
      const wanted = await stack.plan(step);
      for (const change of wanted) say(`  wants to ${describe(change)}`);
      counts.planned += wanted.length;
      return `${wanted.length} changes`;
    });
  }
  await attempt('destroy', () => stack.destroy());
}

interface ResourceChange {
  address: string;
  change: { actions: string[]; before: unknown; after: unknown };
}

function isReplaced({ change }: ResourceChange): boolean {
  return change.actions.includes('delete');
}

function describe({ address, change }: ResourceChange): string {
  const before = Object(change.before) as Record<string, unknown>;
  const after = Object(change.after) as Record<string, unknown>;
  const differing = Object.keys({ ...before, ...after }).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
  const details = differing.map(
    (key) => `${key}: ${JSON.stringify(before[key])} -> ${JSON.stringify(after[key])}`,
  );
  return `${change.actions.join(', ')} ${address} (${details.join('; ').slice(0, 600)})`;
}

async function layOut(folder: string, { mirror }: Terraform, name: string): Promise<void> {
  await cp(join(STACKS, name), folder, { recursive: true });
  await writeFile(join(folder, 'provider.tf'), PROVIDER);
  const source = `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`;
  await writeFile(join(folder, 'terraform.rc'), source);
}

/** Endpoint, region and key are in the environment. */
const PROVIDER = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  s3_use_path_style           = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
`;

class Stack {
  readonly #cloud: CloudUnderTest;
  readonly #program: string;
  readonly #folder: string;

  constructor(cloud: CloudUnderTest, { program }: Terraform, folder: string) {
    this.#cloud = cloud;
    this.#program = program;
    this.#folder = folder;
  }

  async init(): Promise<string> {
    await this.#run('init', '-input=false');
    return 'done';
  }

  /** What it would do, but for reading. */
  async plan(step: number): Promise<ResourceChange[]> {
    await this.#run('plan', '-input=false', '-lock=false', `-var=step=${step}`, '-out=plan');
    const { resource_changes = [] } = JSON.parse(await this.#run('show', '-json', 'plan')) as {
      resource_changes?: ResourceChange[];
    };
    return resource_changes.filter(
      ({ change }) => !change.actions.every((action) => action === 'no-op' || action === 'read'),
    );
  }

  /** What was planned last. */
  async apply(): Promise<void> {
    await this.#run('apply', '-input=false', 'plan');
  }

  async destroy(): Promise<string> {
    await this.#run('destroy', '-input=false', '-auto-approve', '-var=step=2');
    return 'done';
  }

  async countResources(): Promise<number> {
    const lines = (await this.#run('state', 'list')).split('\n');
    return lines.filter((line) => line !== '' && !line.startsWith('data.')).length;
  }

  async #run(command: string, ...args: string[]): Promise<string> {
    const noColor = command === 'state' ? [] : ['-no-color'];
    const { stdout } = await systemCommands.run(this.#program, [command, ...noColor, ...args], {
      cwd: this.#folder,
      env: {
        ...this.#cloud.environment(),
        TF_CLI_CONFIG_FILE: join(this.#folder, 'terraform.rc'),
        TF_IN_AUTOMATION: '1',
        CHECKPOINT_DISABLE: '1',
        // A refusal is the answer: asking again changes nothing.
        AWS_MAX_ATTEMPTS: '2',
      },
      timeoutMs: COMMAND_TIMEOUT_MS,
      maxOutputBytes: MAX_OUTPUT_BYTES,
    });
    return stdout;
  }
}
