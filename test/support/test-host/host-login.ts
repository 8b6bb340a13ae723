// Owns how commands get into a test host: one login over ssh, which all of them share.

import { join } from 'node:path';
import { findFreePort } from '@ironbark/node/host/free-port.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import {
  type CommandOptions,
  type CommandResult,
  systemCommands,
} from '@ironbark/platform/commands.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { quoteForShell } from '../../../packages/cli/quote-for-shell.ts';
import { projectDir } from '../cloud-under-test.ts';
import type { HostMachine } from './host-machine.ts';
import { HOST_USER } from './image/recipe.ts';

const SSH_PORT = 22;
/** Where a cloud in the host has its API. */
export const API_PORT = 8_773;
const COMMAND_TIMEOUT_MS = 300_000;
const TRY_TIMEOUT_MS = 20_000;
const TRY_INTERVAL_MS = 500;

export interface LoginOptions {
  keyPath: string;
  ports: ReadonlyMap<number, number>;
  timeoutMs: number;
}

export class HostLogin implements AsyncDisposable {
  readonly #args: readonly string[];

  private constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** Free ones of this machine for what is reached from outside. */
  static async choosePorts(): Promise<Map<number, number>> {
    const ssh = await findFreePort(systemRandom, new Set());
    const api = await findFreePort(systemRandom, new Set([ssh]));
    return new Map([
      [SSH_PORT, ssh],
      [API_PORT, api],
    ]);
  }

  /** Waits until the host lets somebody in. */
  static async open(machine: HostMachine, options: LoginOptions): Promise<HostLogin> {
    const settings = [
      ...['IdentitiesOnly=yes', 'BatchMode=yes', 'ConnectTimeout=10', 'LogLevel=ERROR'],
      ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'],
      ...['ControlMaster=auto', 'ControlPersist=yes'],
      `ControlPath=${join(machine.folder, 'login')}`,
    ].flatMap((setting) => ['-o', setting]);
    const port = options.ports.get(SSH_PORT)!;
    const target = ['-p', String(port), `${HOST_USER}@127.0.0.1`];
    const login = new HostLogin(['-F', 'none', '-i', options.keyPath, ...settings, ...target]);
    let last: unknown;
    const answers = async () => {
      if (machine.hasEnded) throw new Error('the test host has ended');
      return await login.run(['true'], { timeoutMs: TRY_TIMEOUT_MS }).then(
        () => true,
        (error: unknown) => {
          last = error;
          return false;
        },
      );
    };
    const patience = {
      clock: systemClock,
      timeoutMs: options.timeoutMs,
      intervalMs: TRY_INTERVAL_MS,
    };
    await waitFor(answers, { ...patience, what: 'a login to the test host' }).catch(
      async (cause: unknown) => {
        throw new Error(`${String(last)}; its console: ${await machine.console()}`, { cause });
      },
    );
    return login;
  }

  /** Runs a command there; throws on any other exit code than the allowed ones. */
  async run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return await systemCommands.run('ssh', [...this.#args, renderCommand(argv)], {
      timeoutMs: COMMAND_TIMEOUT_MS,
      ...options,
    });
  }

  /** A command, or a shell, on this process's own terminal; its exit code. */
  async onTerminal(argv?: readonly string[]): Promise<number> {
    const how = process.stdin.isTTY ? ['-t'] : [];
    const command = argv === undefined ? [] : [renderCommand(argv)];
    return await systemCommands.runInteractive('ssh', [...how, ...this.#args, ...command]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const end = [...this.#args.slice(0, -1), '-O', 'exit', this.#args.at(-1)!];
    await systemCommands.run('ssh', end, { allowExitCodes: [0, SSH_FAILED] });
  }
}

/** What ssh says of itself. */
const SSH_FAILED = 255;

function renderCommand(argv: readonly string[]): string {
  return `cd ${projectDir} 2>/dev/null; exec ${argv.map(quoteForShell).join(' ')}`;
}
