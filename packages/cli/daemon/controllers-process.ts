// Owns the controllers' process as its parent has it: started, started again when it ends by itself, and ended.
//
//   start -> starting -> ready -> (ends by itself) -> pause -> starting ...
//   an end before the first `ready` fails the start; dispose ends it from everywhere.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { AttachedProcess, Commands } from '@ironbark/platform/commands.ts';
import { CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { relayLog } from '@ironbark/platform/log-relay.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { endProcessesOfUser } from '@ironbark/platform/processes.ts';

export interface ControllersProcessOptions {
  commands: Commands;
  clock: Clock;
  logger: Logger;
  writeLog: (line: string) => void;
  uid: number;
  /** Runs the daemon's own program as the controllers. */
  program: ControllersProgram;
}

export interface ControllersProgram {
  file: string;
  args: readonly string[];
  /** Beside the clean one that every process of ours gets. */
  environment: Readonly<Record<string, string>>;
}

/** The capabilities it needs until its program is loaded: to read it, to change its root directory and its user. */
const STARTING_CAPABILITIES = ['dac_read_search', 'sys_chroot', 'setuid', 'setgid'];
/** Its first word on the standard output. */
export const READY = 'ready\n';
const GRACE_MS = 20_000;
const RESTART_START_MS = 100;
const RESTART_LIMIT_MS = 15_000;
/** What ran for so long did not end because of its start. */
const LONG_RUN_MS = 60_000;
const LAST_WORDS = 20;

export class ControllersProcess implements AsyncDisposable {
  readonly #options: ControllersProcessOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  #running: AttachedProcess | undefined;
  #watching: Promise<void> = Promise.resolve();
  readonly #lastWords: string[] = [];

  private constructor(options: ControllersProcessOptions) {
    this.#options = options;
    this.#ready.promise.catch(() => {});
  }

  /** Ends first what an earlier parent may have left. */
  static async start(options: ControllersProcessOptions): Promise<ControllersProcess> {
    await endProcessesOfUser(options.uid, options.clock);
    const controllers = new ControllersProcess(options);
    controllers.#watching = controllers.#keepRunning(await controllers.#spawn());
    return controllers;
  }

  /** Rejects when the first start fails. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get pid(): number | undefined {
    return this.#running?.pid;
  }

  async #spawn(): Promise<AttachedProcess> {
    const { commands, program, logger, writeLog } = this.#options;
    const kept = STARTING_CAPABILITIES.map((name) => `,+${name}`).join('');
    const rights = ['--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all'];
    const args = [...rights, `--bounding-set=-all${kept}`, program.file, ...program.args];
    const started = await commands.startAttached('setpriv', args, {
      cwd: '/',
      env: { ...CLEAN_ENVIRONMENT, ...program.environment },
    });
    relayLog(started.stderr, {
      process: 'controllers',
      logger,
      write: writeLog,
      onText: (text) => this.#remember(text),
    });
    started.stdout.on('data', (bytes: Buffer) => {
      if (bytes.toString('latin1') === READY) this.#ready.resolve();
    });
    this.#running = started;
    return started;
  }

  async #keepRunning(first: AttachedProcess): Promise<void> {
    let pauseMs = RESTART_START_MS;
    for (let running: AttachedProcess | undefined = first; ; running = await this.#tryAgain()) {
      const startedMs = this.#options.clock.monotonicMs();
      const how = await running?.ended;
      this.#running = undefined;
      const lastWords = this.#lastWords.join('\n');
      this.#ready.reject(new Error(`the controllers did not start:\n${lastWords}`));
      const ranMs = this.#options.clock.monotonicMs() - startedMs;
      pauseMs = ranMs > LONG_RUN_MS ? RESTART_START_MS : Math.min(2 * pauseMs, RESTART_LIMIT_MS);
      if (!(await this.#pause(how, pauseMs))) return;
    }
  }

  /** False when there is nothing to go on with. */
  async #pause(how: number | string | undefined, pauseMs: number): Promise<boolean> {
    const { clock, logger } = this.#options;
    if (this.#stop.signal.aborted) return false;
    logger.error('the controllers ended by themselves', { how, restartAfterMs: pauseMs });
    await clock.sleep(pauseMs, this.#stop.signal).catch(() => {});
    return !this.#stop.signal.aborted;
  }

  /** Undefined when the host has no process to give; the pause before the next try is longer. */
  async #tryAgain(): Promise<AttachedProcess | undefined> {
    try {
      return await this.#spawn();
    } catch (error) {
      this.#options.logger.error('the controllers cannot be started', { error });
      return undefined;
    }
  }

  #remember(text: string): void {
    this.#lastWords.push(text);
    if (this.#lastWords.length > LAST_WORDS) this.#lastWords.shift();
  }

  /** Asks it to end, and leaves nothing of its user's behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, uid } = this.#options;
    this.#stop.abort();
    this.#running?.kill('SIGTERM');
    const late = new AbortController();
    const force = clock.sleep(GRACE_MS, late.signal).then(
      () => this.#running?.kill('SIGKILL'),
      () => {},
    );
    await this.#watching;
    late.abort();
    await force;
    await endProcessesOfUser(uid, clock);
  }
}
