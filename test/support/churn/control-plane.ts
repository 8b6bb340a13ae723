// Owns the handle of a control plane that dies by its orders: another process takes its folder over at once, and calls
// that got no answer are made again.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { type AttachedProcess, systemCommands } from '@ironbark/platform/commands.ts';
import { endProcess, findProcess, findProcesses, worksIn } from '@ironbark/platform/processes.ts';
import { createEc2Client, type Ec2Client, Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import { DAEMON } from '@ironbark/storage/drivers/daemon-arguments.ts';
import { type DataPaths, dataPaths } from '../../../packages/cli/daemon/paths.ts';
import { ensureImage } from '../../faults/workloads/cloud-image.ts';
import { REGION, type S3Key } from '../../faults/workloads/signed-s3.ts';
import type { ControlPlaneOrder, ControlPlaneOrders } from './control-plane-main.ts';
import { type FaultShares, NO_FAULTS } from './planned-faults.ts';

const MAIN = join(import.meta.dirname, 'control-plane-main.ts');
/** All of it, on a busy host. */
const START_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 120_000;
const AGAIN_MS = 50;
export const ZONE = `${REGION}a`;

export interface ControlPlaneOptions {
  seed: number;
  shares: FaultShares;
  /** For people. */
  explain: (line: string) => void;
}

interface Ready extends S3Key {
  endpoint: string;
}

type Said =
  | ({ say: 'ready' } & Ready)
  | { say: 'crash'; step: string }
  | { say: 'daemon killed'; volume: string }
  | { say: 'ended'; failures: number };

export class ControlPlane implements AsyncDisposable {
  readonly paths: DataPaths;
  readonly #options: ControlPlaneOptions;
  #process: AttachedProcess | undefined;
  #ready: (Ready & { ec2: Ec2Client }) | undefined;
  #isEnding = false;
  #isCalm = false;
  #sessions = 0;
  #failure: Error | undefined;
  /** Deaths, and storage daemons that were killed. */
  crashes = 0;
  daemonKills = 0;

  private constructor(dataDir: string, options: ControlPlaneOptions) {
    this.paths = dataPaths(dataDir);
    this.#options = options;
  }

  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    // Short: sockets are in it. Storage daemons have users of their own and pass through it.
    const dataDir = await mkdtemp('/var/tmp/ib-');
    await chmod(dataDir, 0o711);
    const plane = new ControlPlane(dataDir, options);
    try {
      await plane.#launch();
      return plane;
    } catch (error) {
      await plane[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes the call until it is answered; `done` is the error that says that an attempt without an answer had worked. */
  async call<Action extends Ec2Action>(
    action: Action,
    input: Ec2Input<Action>,
    done?: RegExp,
  ): Promise<Ec2Output<Action> | undefined> {
    const deadlineMs = systemClock.monotonicMs() + CALL_TIMEOUT_MS;
    for (let wasAway = false; ; wasAway = true) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        if (this.#ready !== undefined) return await this.#ready.ec2.call(action, input);
      } catch (error) {
        if (error instanceof Ec2Error) {
          if (wasAway && done?.test(error.code) === true) return undefined;
          if (error.status < 500) throw error;
        }
      }
      if (systemClock.monotonicMs() > deadlineMs) throw new Error(`${action}: no answer`);
      await systemClock.sleep(AGAIN_MS);
    }
  }

  async ensureImage(): Promise<string> {
    const { ec2, endpoint, ...key } = this.#ready!;
    return await ensureImage(ec2, endpoint, key);
  }

  /** From now on nothing goes wrong any more. */
  calm(): void {
    this.#isCalm = true;
    this.#order('calm');
  }

  /** Ends it politely; what it was in charge of stays as it is. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#order('end');
    await this.#process?.ended;
    this.#process = undefined;
  }

  #order(order: ControlPlaneOrder): void {
    this.#process?.stdin.write(`${order}\n`);
  }

  async #launch(): Promise<void> {
    const { seed, shares, explain } = this.#options;
    const started = await systemCommands.startAttached(process.execPath, [MAIN], {
      cwd: this.paths.root,
      env: {
        PATH: process.env['PATH'] ?? '',
        NODE_COMPILE_CACHE: join(this.paths.root, 'compiled'),
      },
    });
    this.#process = started;
    let errors = '';
    started.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const lines = createInterface({ input: started.stdout });
    lines.on('line', (line) => this.#hear(JSON.parse(line) as Said, explain));
    void started.ended.then((how) => this.#onEnd(how, errors));
    const session = this.#sessions++;
    const orders: ControlPlaneOrders = {
      dataDir: this.paths.root,
      seed: seed * 10_000 + session,
      shares: this.#isCalm ? NO_FAULTS : shares,
    };
    started.stdin.write(`${JSON.stringify(orders)}\n`);
    if (session > 0) return;
    const ready = () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#ready;
    };
    const what = 'the control plane';
    await waitFor(ready, { clock: systemClock, timeoutMs: START_TIMEOUT_MS, what });
  }

  #hear(line: Said, explain: (line: string) => void): void {
    switch (line.say) {
      case 'ready':
        this.#ready = { ...line, ec2: connect(line) };
        return;
      case 'crash':
        this.crashes += 1;
        explain(`dies ${line.step}`);
        return;
      case 'daemon killed':
        this.daemonKills += 1;
        return;
      case 'ended':
        return;
    }
  }

  #onEnd(how: number | string, errors: string): void {
    this.#ready = undefined;
    if (this.#isEnding) return;
    if (how === 'SIGKILL') void this.#launch().catch((error: unknown) => this.#fail(error));
    else this.#fail(new Error(`the control plane ended with ${how}: ${errors}`));
  }

  #fail(error: unknown): void {
    this.#failure ??= error as Error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    this.#process?.kill('SIGKILL');
    await this.#process?.ended;
    await this.#endDaemons();
    await rm(this.paths.root, { recursive: true, force: true });
  }

  /** Only after a run that went wrong there are some. */
  async #endDaemons(): Promise<void> {
    for (const { pid } of await findProcesses((argument) => argument.includes(DAEMON))) {
      if (!(await worksIn(pid, this.paths.storage))) continue;
      const found = await findProcess(pid);
      const options = { clock: systemClock, graceMs: 0, isAsked: false };
      if (found !== undefined) await endProcess(found, options);
    }
  }
}

function connect({ endpoint, accessKeyId, secretAccessKey }: Ready): Ec2Client {
  const nowMs = () => systemClock.nowMs();
  return createEc2Client({ endpoint, region: REGION, accessKeyId, secretAccessKey, nowMs });
}
