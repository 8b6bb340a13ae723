// Owns how Ceph's own programs are called: which cluster, as whom, never with a secret among the arguments.

import { isAbsolute } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';

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

/** A cluster that lost its quorum answers nothing at all. */
const TIMEOUT_MS = 30_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Of rbd: the errno of what went wrong. */
const NOT_FOUND = 2;

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
  readonly #settings: CephSettings;
  readonly #commands: Commands;

  constructor(settings: CephSettings, commands: Commands) {
    this.#settings = settings;
    this.#commands = commands;
  }

  imageSpec(name: string): string {
    return `${this.#settings.pool}/${name}`;
  }

  /** Its standard output; undefined when what it names is not there. */
  async run(
    program: 'rbd' | 'ceph',
    args: readonly string[],
    input?: Uint8Array,
  ): Promise<string | undefined> {
    const { user, confPath, keyringPath } = this.#settings;
    const keyring = keyringPath === undefined ? [] : ['--keyring', keyringPath];
    const all = ['--conf', confPath, '--id', user, ...keyring, ...args];
    try {
      const options = { timeoutMs: TIMEOUT_MS, allowExitCodes: [0, NOT_FOUND] };
      const { stdout, exitCode } = await this.#commands.run(program, all, {
        ...options,
        ...(input === undefined ? {} : { input }),
      });
      return exitCode === NOT_FOUND ? undefined : stdout;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new ServiceError({
        kind: 'unavailable',
        resource: 'volume',
        message: 'The Ceph cluster does not do what it is asked; it is tried again.',
        cause: error,
      });
    }
  }
}
