// Owns how Ceph's own programs are called: which cluster, as whom, never with a secret among the arguments.

import { isAbsolute } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { type AttachedProcess, CommandError, type Commands } from '@ironbark/platform/commands.ts';

/** What an administrator says of the cluster; the files stay where they are. */
export interface CephSettings {
  pool: string;
  /** Without `client.`. */
  user: string;
  /** Says where the monitors are. */
  confPath: string;
  /** Absent: where the configuration says. */
  keyringPath?: string;
}

export interface CephOutcome {
  stdout: string;
  exitCode: number;
}

interface Attempt {
  input?: Uint8Array | undefined;
  allow: readonly number[];
  timeoutMs?: number;
}

/** A cluster that lost its quorum answers nothing at all. */
const TIMEOUT_MS = 30_000;
/** Removing an image takes as long as it has objects: some terabytes of them here. */
const REMOVAL_TIMEOUT_MS = 10 * 60_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Of rbd, which ends with the errno of what went wrong. */
export const NOT_FOUND = 2;
export const ALREADY_THERE = 17;
export const NOT_EMPTY = 39;

/**
 * What the rest counts on, whatever the cluster's default: clones, points in time that are whole while a daemon writes,
 * knowing what has changed without reading it, and flattening a clone with the points in time that it has.
 */
export const IMAGE_FEATURES = 'layering,exclusive-lock,object-map,fast-diff,deep-flatten';
/** Ceph's map of what objects an image has, which a clone gets once it is whole (rbd-flatten.ts). */
export const MAP_FEATURES = ['object-map', 'fast-diff'] as const;
export const CLONE_FEATURES = 'layering,exclusive-lock,deep-flatten';

export function requireCephSettings(settings: CephSettings): void {
  const { pool, user, confPath, keyringPath } = settings;
  const paths = [confPath, ...(keyringPath === undefined ? [] : [keyringPath])];
  const isGood = NAME.test(pool) && NAME.test(user) && paths.every((path) => isAbsolute(path));
  if (isGood) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'host',
    message: 'Ceph takes the name of a pool, the name of a user, and absolute paths.',
  });
}

export class RbdCommand {
  readonly pool: string;
  readonly #login: readonly string[];
  readonly #commands: Commands;

  constructor(settings: CephSettings, commands: Commands) {
    const { pool, user, confPath, keyringPath } = settings;
    const keyring = keyringPath === undefined ? [] : ['--keyring', keyringPath];
    this.pool = pool;
    this.#login = ['--conf', confPath, '--id', user, ...keyring];
    this.#commands = commands;
  }

  /** Of an image, or of a point in time of one. */
  imageSpec(name: string, point?: string): string {
    return `${this.pool}/${name}${point === undefined ? '' : `@${point}`}`;
  }

  /** Its standard output; undefined when what it names is not there. */
  async run(
    program: 'rbd' | 'ceph',
    args: readonly string[],
    input?: Uint8Array,
  ): Promise<string | undefined> {
    const { stdout, exitCode } = await this.#attempt(program, args, { input, allow: [NOT_FOUND] });
    return exitCode === NOT_FOUND ? undefined : stdout;
  }

  /** As `run`, and what it names has to be there. */
  async must(args: readonly string[], input?: Uint8Array): Promise<string> {
    const text = await this.run('rbd', args, input);
    if (text === undefined) throw new Error(`rbd ${args[0]}: there is no such pool or image`);
    return text;
  }

  /** Some of its ways to fail are answers. */
  attempt(args: readonly string[], allow: readonly number[]): Promise<CephOutcome> {
    return this.#attempt('rbd', args, { allow });
  }

  /** As `attempt`, of what takes its time. */
  remove(args: readonly string[], allow: readonly number[]): Promise<CephOutcome> {
    return this.#attempt('rbd', args, { allow, timeoutMs: REMOVAL_TIMEOUT_MS });
  }

  /** Goes on for as long as it takes. */
  start(args: readonly string[]): Promise<AttachedProcess> {
    return this.#commands.startAttached('rbd', [...this.#login, ...args], { cwd: '/', env: {} });
  }

  async #attempt(
    program: 'rbd' | 'ceph',
    args: readonly string[],
    { input, allow, timeoutMs = TIMEOUT_MS }: Attempt,
  ): Promise<CephOutcome> {
    const options = { timeoutMs, allowExitCodes: [0, ...allow] };
    try {
      return await this.#commands.run(program, [...this.#login, ...args], {
        ...options,
        ...(input === undefined ? {} : { input }),
      });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw cephUnavailable(error);
    }
  }
}

export function cephUnavailable(cause: unknown): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'volume',
    message: 'The Ceph cluster does not do what it is asked; it is tried again.',
    cause,
  });
}
