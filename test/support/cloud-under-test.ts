// Owns a whole cloud in a temporary folder for tests, driven the way a person drives it: through `./ironbark`
// and the AWS CLI.

import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock, type WaitOptions, waitFor } from '@ironbark/platform/clock.ts';
import { CommandError, type CommandResult, systemCommands } from '@ironbark/platform/commands.ts';
import { createEc2Client, type Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import type { Credentials, DaemonStatus } from '../../packages/cli/daemon/admin-api.ts';
import { type AwsCli, askAws, awsEnvironment, callAws } from './aws-cli.ts';
import { onInterruption } from './interruption.ts';
import type { OtherUser } from './other-user.ts';

export const projectDir = resolve(import.meta.dirname, '../..');

/** A distribution image is built in two minutes on a quiet host. */
const COMMAND_TIMEOUT_MS = 900_000;

export interface CloudOptions {
  hypervisor?: 'qemu' | 'simulated';
  /** More flags for `up`. */
  flags?: readonly string[];
  /** Who runs it; the tests' own user when absent. The cloud is then where that user has it by default. */
  as?: OtherUser;
  /** Where the data folder is made. */
  parent?: string;
  /** Where it keeps everything; a folder of its own in /var/tmp when absent. */
  dataDir?: string;
}

export class CloudUnderTest implements AsyncDisposable {
  readonly dataDir: string;
  readonly #user: OtherUser | undefined;
  readonly #held = onInterruption(() => this[Symbol.asyncDispose]());
  #credentials: Credentials | undefined;

  private constructor(dataDir: string, user: OtherUser | undefined) {
    this.dataDir = dataDir;
    this.#user = user;
  }

  /** Brings one up on a free port. Guests run as users of their own, so the folder lets them through. */
  static async start(options: CloudOptions = {}): Promise<CloudUnderTest> {
    const dataDir = options.dataDir ?? (await makeDataDir(options));
    const cloud = new CloudUnderTest(dataDir, options.as);
    try {
      await cloud.up(options);
    } catch (error) {
      await cloud[Symbol.asyncDispose]();
      throw error;
    }
    return cloud;
  }

  async up(options: CloudOptions = {}): Promise<CommandResult> {
    const hypervisor = options.hypervisor === undefined ? [] : ['--hypervisor', options.hypervisor];
    const port = this.#credentials === undefined ? ['--port', '0'] : [];
    const flags = [...port, ...hypervisor, ...(options.flags ?? [])];
    const result = await this.ironbark('up', '--yes', '--no-tune', ...flags);
    this.#credentials = await this.json<Credentials>('env');
    return result;
  }

  get credentials(): Credentials {
    if (this.#credentials === undefined) throw new Error('the cloud is not up');
    return this.#credentials;
  }

  async ironbark(...args: string[]): Promise<CommandResult> {
    const all = [args[0]!, '--data-dir', this.dataDir, ...args.slice(1)];
    const timeoutMs = COMMAND_TIMEOUT_MS;
    if (this.#user === undefined) {
      return await systemCommands.run(join(projectDir, 'ironbark'), all, { timeoutMs });
    }
    const { file, args: before, env } = this.#user.command;
    // Its own folder; the tests' may be closed to it.
    const cwd = this.#user.home;
    return await systemCommands.run(file, [...before, ...all], { timeoutMs, env, cwd });
  }

  async json<Result>(...args: string[]): Promise<Result> {
    const { stdout } = await this.ironbark(args[0]!, '--json', ...args.slice(1));
    return JSON.parse(stdout) as Result;
  }

  status(): Promise<DaemonStatus> {
    return this.json('status');
  }

  /** The command line's own client: a call takes milliseconds, where the AWS CLI needs a second. */
  ec2(): Ec2Client {
    return createEc2Client({ ...this.credentials, nowMs: () => systemClock.nowMs() });
  }

  /** Runs the AWS CLI against this cloud and parses its answer. */
  // biome-ignore lint/suspicious/noExplicitAny: answers have as many shapes as there are operations
  async aws(...args: string[]): Promise<any> {
    return await askAws(this.#awsCli(), args);
  }

  /** As `aws`, for commands whose output is for people. */
  async awsText(...args: string[]): Promise<string> {
    return await callAws(this.#awsCli(), args);
  }

  /** Runs the AWS CLI, which has to fail; gives the AWS error code and the whole text. */
  async awsError(...args: string[]): Promise<{ code: string; text: string }> {
    try {
      await this.aws(...args);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return {
        code: error.stderr.match(/An error occurred \(([^)]+)\)/)?.[1] ?? '',
        text: error.stderr,
      };
    }
    throw new Error(`aws ${args.join(' ')} succeeded`);
  }

  environment(): Record<string, string> {
    return awsEnvironment(this.#awsCli());
  }

  /** One command in a guest; its standard output. */
  async ssh(instanceId: string, ...command: string[]): Promise<string> {
    return (await this.ironbark('ssh', instanceId, '--', ...command)).stdout;
  }

  async daemonPid(): Promise<number> {
    return Number((await readFile(join(this.dataDir, 'run/daemon.pid'), 'utf8')).trim());
  }

  #awsCli(): AwsCli {
    return { credentials: this.credentials, home: this.dataDir, timeoutMs: COMMAND_TIMEOUT_MS };
  }

  /** Removes the cloud and all that it has on the host. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.ironbark('purge', '--yes').catch((error: unknown) => {
      if (!(error instanceof CommandError) || !error.stderr.includes('holds no cloud')) throw error;
    });
    await rm(this.dataDir, { recursive: true, force: true });
    this.#held[Symbol.dispose]();
  }
}

async function makeDataDir({ as, parent }: CloudOptions): Promise<string> {
  if (as !== undefined) return join(as.home, '.local/share/ironbark');
  const dataDir = await mkdtemp(join(parent ?? '/var/tmp', 'ironbark-test-'));
  await chmod(dataDir, 0o711);
  return dataDir;
}

/** Waits for a condition on the real clock. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  options: Partial<WaitOptions> = {},
): Promise<T> {
  return await waitFor(probe, {
    clock: systemClock,
    timeoutMs: 60_000,
    intervalMs: 200,
    what,
    ...options,
  });
}
