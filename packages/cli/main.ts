// The composition root of the command line: reads the environment, builds the commands, renders errors.

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { isServiceError } from '@ironbark/core/errors.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import { CommanderError } from 'commander';
import type { CliContext } from './context.ts';
import { Problem, renderProblem } from './problem.ts';
import { buildProgram } from './program.ts';
import { Terminal } from './terminal.ts';

const projectDir = resolve(import.meta.dirname, '../..');

/** What a shell reports after Ctrl-C. */
const INTERRUPTED = 130;

async function main(): Promise<number> {
  let exitCode = 0;
  const program = buildProgram({
    version: readVersion(),
    path: process.env['PATH'] ?? '',
    createContext,
    onExit: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    return report(error);
  }
}

function createContext(options: { dataDir?: string; json?: boolean }): CliContext {
  const isRoot = process.getuid?.() === 0;
  return {
    clock: systemClock,
    random: systemRandom,
    commands: systemCommands,
    terminal: new Terminal({
      clock: systemClock,
      output: process.stdout,
      progress: process.stderr,
      json: options.json ?? false,
    }),
    dataDir: resolve(options.dataDir ?? process.env['IRONBARK_DATA_DIR'] ?? defaultDataDir(isRoot)),
    cacheDir: process.env['IRONBARK_CACHE'] ?? join(xdg('XDG_CACHE_HOME', '.cache'), 'ironbark'),
    projectDir,
    version: readVersion(),
    isRoot,
    self: './ironbark',
  };
}

function defaultDataDir(isRoot: boolean): string {
  return isRoot ? '/var/lib/ironbark' : join(xdg('XDG_DATA_HOME', '.local/share'), 'ironbark');
}

/** The XDG Base Directory Specification ignores relative paths. */
function xdg(variable: string, fallback: string): string {
  const value = process.env[variable];
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback);
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(projectDir, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode;
  const problem = asProblem(error);
  if (problem === undefined) {
    process.stderr.write(`ironbark: a bug: ${error instanceof Error ? error.stack : error}\n`);
    return 1;
  }
  process.stderr.write(`${renderProblem(problem)}\n`);
  return problem.exitCode;
}

function asProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof Ec2Error)
    return new Problem(`the cloud answered ${error.code}: ${error.message}`);
  if (isServiceError(error)) return new Problem(error.message);
  if (error instanceof CommandError) return new Problem(error.message);
  return undefined;
}

process.once('SIGINT', () => process.exit(INTERRUPTED));
process.exitCode = await main();
