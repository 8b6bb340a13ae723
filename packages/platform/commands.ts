// Owns processes: the only place that starts one. Arguments are always lists; no shell is involved.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { requireFormats } from './disk-formats.ts';

export interface CommandOptions {
  /** Bytes for the standard input; none when absent. */
  input?: string | Uint8Array;
  timeoutMs?: number;
  signal?: AbortSignal;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Exit codes that are not errors; 0 by default. */
  allowExitCodes?: readonly number[];
  /** More output than this ends the command. */
  maxOutputBytes?: number;
}

export interface CommandResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

export interface DetachedProcess {
  pid: number;
}

export interface DetachedOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /**
   * File descriptors of the child, from 0 on. With `pid` the child writes there the number of a process that it
   * starts, and ends; that process is the one that is meant.
   */
  stdio: readonly ('ignore' | 'pid' | number)[];
}

/** A process that lives beside this one and is talked to over its standard streams. */
export interface AttachedProcess {
  pid: number;
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Settles with the exit code, or the signal's name, once the process is gone. */
  ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
}

export interface AttachedOptions {
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** A session of its own: Ctrl-C on the terminal ends whoever started it, who then ends it in good order. */
  detached?: boolean;
}

export interface Commands {
  /** Runs to the end. Throws CommandError on another exit code, a signal, or a time-out. */
  run(file: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Runs with this process's own terminal; gives the exit code. */
  runInteractive(file: string, args: readonly string[]): Promise<number>;
  /** Starts a process that outlives this one, in a session of its own. */
  startDetached(
    file: string,
    args: readonly string[],
    options: DetachedOptions,
  ): Promise<DetachedProcess>;
  /** Starts a process whose standard streams are ours. */
  startAttached(
    file: string,
    args: readonly string[],
    options: AttachedOptions,
  ): Promise<AttachedProcess>;
}

/** Most commands of ours print a few KiB; `ip -j` on a large host prints a few MiB. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 60_000;
const STDERR_LINES_KEPT = 20;

export class CommandError extends Error {
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** The last lines of the standard error. */
  readonly stderr: string;

  constructor(
    argv: readonly string[],
    outcome: {
      exitCode?: number | undefined;
      signal?: string | undefined;
      stderr: string;
      why?: string;
    },
  ) {
    const ending =
      outcome.why ?? (outcome.signal ? `signal ${outcome.signal}` : `exit ${outcome.exitCode}`);
    const tail = outcome.stderr.trimEnd().split('\n').slice(-STDERR_LINES_KEPT).join('\n');
    super(`${argv[0]}: ${ending}${tail === '' ? '' : `: ${tail}`}`);
    this.name = 'CommandError';
    this.argv = argv;
    this.exitCode = outcome.exitCode;
    this.signal = outcome.signal;
    this.stderr = tail;
  }
}

export const systemCommands: Commands = {
  run,
  runInteractive,
  startDetached,
  startAttached,
};

async function run(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const argv = [file, ...args];
  requireFormats(argv);
  const limit = options.maxOutputBytes ?? MAX_OUTPUT_BYTES;
  const child = spawn(file, args, spawnOptions(options));
  const stdout = collect(child.stdout, limit, () => child.kill('SIGKILL'));
  const stderr = collect(child.stderr, limit, () => child.kill('SIGKILL'));
  // A command that exits early closes its input; that is its exit code's story to tell.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  const { exitCode, signal, failure } = await ended(child);
  const text = { stdout: stdout(), stderr: stderr() };
  if (failure !== undefined) {
    throw new CommandError(argv, { stderr: text.stderr, why: describeFailure(failure, options) });
  }
  if (exitCode === undefined || !(options.allowExitCodes ?? [0]).includes(exitCode)) {
    throw new CommandError(argv, { exitCode, signal, stderr: text.stderr || text.stdout });
  }
  return { ...text, exitCode };
}

function spawnOptions(options: CommandOptions): SpawnOptions {
  const signals = [AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS)];
  if (options.signal !== undefined) signals.push(options.signal);
  return {
    stdio: 'pipe',
    signal: AbortSignal.any(signals),
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  };
}

function collect(
  stream: NodeJS.ReadableStream | null,
  limit: number,
  overflow: () => void,
): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else overflow();
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

interface Ending {
  exitCode: number | undefined;
  signal: string | undefined;
  failure?: Error;
}

function ended(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
      // A process that never started emits no close event.
      if (child.pid === undefined) resolve({ exitCode: undefined, signal: undefined, failure });
    });
    child.once('close', (code, signal) => {
      const ending = { exitCode: code ?? undefined, signal: signal ?? undefined };
      resolve(failure === undefined ? ending : { ...ending, failure });
    });
  });
}

function describeFailure(failure: Error, options: CommandOptions): string {
  if (failure.name !== 'AbortError') return failure.message;
  return options.signal?.aborted === true
    ? 'cancelled'
    : `no end within ${options.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`;
}

/** What shells report for a command that could not be started. */
const CANNOT_START = 127;

function runInteractive(file: string, args: readonly string[]): Promise<number> {
  requireFormats([file, ...args]);
  const child = spawn(file, args, { stdio: 'inherit' });
  return new Promise((resolve) => {
    child.once('error', () => resolve(CANNOT_START));
    child.once('close', (code) => resolve(code ?? 1));
  });
}

async function startDetached(
  file: string,
  args: readonly string[],
  options: DetachedOptions,
): Promise<DetachedProcess> {
  requireFormats([file, ...args]);
  const announces = options.stdio.indexOf('pid');
  const child = spawn(file, args, {
    detached: true,
    stdio: options.stdio.map((each) => (each === 'pid' ? 'pipe' : each)),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const announced = announces < 0 ? undefined : readPid(child, announces);
  await spawned(child, [file, ...args]);
  if (announced !== undefined) {
    const pid = await announced;
    if (pid !== undefined) return { pid };
    throw new CommandError([file, ...args], { stderr: '', why: 'it started no process' });
  }
  child.unref();
  return { pid: child.pid! };
}

/** A line with one number; undefined when the child ends without it. */
function readPid(child: ChildProcess, descriptor: number): Promise<number | undefined> {
  const text = collect(child.stdio[descriptor] as Readable, PID_LINE_BYTES, () => {});
  return new Promise((resolve) => {
    child.once('error', () => resolve(undefined));
    child.once('close', () => {
      const pid = Number(text().trim());
      resolve(Number.isSafeInteger(pid) && pid > 1 ? pid : undefined);
    });
  });
}

const PID_LINE_BYTES = 32;

async function startAttached(
  file: string,
  args: readonly string[],
  options: AttachedOptions,
): Promise<AttachedProcess> {
  requireFormats([file, ...args]);
  const child = spawn(file, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  await spawned(child, [file, ...args]);
  // It may end before it has read what we said.
  child.stdin.on('error', () => {});
  const { stdin, stdout, stderr } = child;
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal);
  };
  return { pid: child.pid!, stdin, stdout, stderr, ended, kill };
}

function spawned(child: ChildProcess, argv: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new CommandError(argv, { stderr: '', why: error.message })),
    );
  });
}
