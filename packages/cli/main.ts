// The composition root of the command line: reads the environment, builds the commands, renders errors.

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { CommanderError } from 'commander';
import type { CliContext } from './context.ts';
import { explainError } from './explain-error.ts';
import { INTERRUPTED, listenForInterrupts } from './interrupts.ts';
import { Problem, renderProblem, renderProblemJson } from './problem.ts';
import { buildProgram } from './program.ts';
import { quoteForShell } from './quote-for-shell.ts';
import { Terminal } from './terminal.ts';

const projectDir = resolve(import.meta.dirname, '../..');

const wantsJson = asksForJson(process.argv.slice(2));

async function main(): Promise<number> {
  let exitCode = 0;
  const program = buildProgram({
    version: readVersion(),
    path: process.env['PATH'] ?? '',
    showsErrors: !wantsJson,
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
  const usual = defaultDataDir(isRoot);
  const dataDir = resolve(options.dataDir ?? process.env['IRONBARK_DATA_DIR'] ?? usual);
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
    dataDir,
    isDefaultCloud: dataDir === usual,
    environment: environmentOf(process.env),
    cacheDir: process.env['IRONBARK_CACHE'] ?? join(xdg('XDG_CACHE_HOME', '.cache'), 'ironbark'),
    projectDir,
    version: readVersion(),
    isRoot,
    takeInterrupts,
    self: describeSelf(options.dataDir),
  };
}

function environmentOf(variables: NodeJS.ProcessEnv): Record<string, string> {
  const given = Object.entries(variables).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Record<string, string>;
}

/** How this was called, folder and all, so that advice can be pasted. */
function describeSelf(dataDir: string | undefined): string {
  const launcher = process.env['IRONBARK_LAUNCHER'] ?? './ironbark';
  return dataDir === undefined ? launcher : `${launcher} --data-dir ${quoteForShell(dataDir)}`;
}

/** What stands after `--` belongs to a command in a guest. */
function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).includes('--json');
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
  if (error instanceof CommanderError) {
    if (wantsJson && error.exitCode !== 0)
      showProblem(new Problem(error.message.replace(/^error: /, ''), [HELP]));
    return error.exitCode;
  }
  const problem = explainError(error);
  if (problem === undefined) {
    process.stderr.write(`ironbark: a bug: ${error instanceof Error ? error.stack : error}\n`);
    return 1;
  }
  showProblem(problem);
  return problem.exitCode;
}

const HELP = 'ironbark --help lists the commands';

function showProblem(problem: Problem): void {
  const text = wantsJson ? renderProblemJson(problem) : renderProblem(problem);
  process.stderr.write(`${text}\n`);
}

const takeInterrupts = listenForInterrupts(process, () => process.exit(INTERRUPTED));
process.exitCode = await main();
