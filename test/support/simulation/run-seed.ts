// Owns one run: a cloud, its users, what goes wrong meanwhile, and the comparison with the model when all is quiet.

import { systemClock } from '@ironbark/platform/clock.ts';
import { chooseWeather, Disturbances, MESSAGES_LOST } from './disturbances.ts';
import { lookAround } from './found.ts';
import { LATE_AT_MOST_MS } from './messages.ts';
import { findDoubles, findOrphans } from './orphans.ts';
import { applyExcuses, compareWithModel, PromisesModel } from './promises-model.ts';
import { registerEbsImage, registerImage } from './registered-image.ts';
import { User } from './users.ts';
import { World } from './world.ts';

export interface RunOptions {
  seed: number;
  /** By the seed when absent: 2 to 6, or 20 now and then. */
  nodes?: number;
  /** Only messages are lost, for ten minutes. */
  losesMessagesOnly?: boolean;
  log?: (line: string) => void;
}

export interface RunResult {
  seed: number;
  nodes: number;
  hash: string;
  events: number;
  virtualMs: number;
  realMs: number;
  cpuMs: number;
  acknowledged: number;
  instances: number;
  crashes: number;
  messages: number;
  lostMessages: number;
  /** Launches and starts that the cloud said it could not do. */
  excused: number;
  /** From the end of what went wrong until everything was as promised. */
  settledMs: number;
  /** Of steps of reconcilers that were taken, by name. */
  steps: ReadonlyMap<string, number>;
  /** What must not be; empty when the run is good. */
  violations: string[];
}

/** The runner's own period: everything that was missed is looked at again once in it. */
export const RECONCILE_PERIOD_MS = 30_000;
/** The longest back-off, a lease, a lost resend and two resyncs are far below it. */
const SETTLE_LIMIT_MS = 15 * 60_000;
const LOOK_EVERY_MS = 5_000;
const LOSS_MS = 10 * 60_000;
/** Of the runs, those in which some root disks are volumes. */
const EBS_SHARE = 0.4;

export async function runSeed(options: RunOptions): Promise<RunResult> {
  const startedMs = systemClock.monotonicMs();
  const cpu = process.cpuUsage();
  const chooser = new World({ seed: options.seed, nodes: 0 });
  chooser[Symbol.dispose]();
  const { simulation: dice } = chooser;
  const nodes = options.nodes ?? (dice.happens(0.05) ? 20 : dice.between(2, 7));
  const driverDelayMs = dice.pick([
    [0, 0],
    [1, 100],
    [10, 5_000],
  ] as const)!;
  using world = new World({
    seed: dice.between(0, 2 ** 31),
    nodes,
    driverDelayMs,
    ...(options.log === undefined ? {} : { log: options.log }),
  });
  const run = new Run(world, options);
  await run.go();
  const { user, system } = process.cpuUsage(cpu);
  const realMs = systemClock.monotonicMs() - startedMs;
  return run.result({ seed: options.seed, nodes, realMs, cpuMs: (user + system) / 1000 });
}

class Run {
  readonly #world: World;
  readonly #options: RunOptions;
  readonly #model = new PromisesModel();
  #excused = 0;
  #settledMs = 0;

  constructor(world: World, options: RunOptions) {
    this.#world = world;
    this.#options = options;
  }

  async go(): Promise<void> {
    const { simulation } = this.#world;
    this.#world.startAll();
    await simulation.run(5_000);
    const imageId = await registerImage(this.#world);
    const ebs = simulation.happens(EBS_SHARE) ? await this.#registerEbsImage() : {};
    const isLossOnly = this.#options.losesMessagesOnly === true;
    const weather = isLossOnly ? MESSAGES_LOST : chooseWeather(this.#world);
    const disturbances = new Disturbances(this.#world, weather);
    const users = this.#makeUsers({ imageId, ...ebs }, isLossOnly);
    disturbances.begin();
    for (const user of users) user.start();
    const endMs = simulation.nowMs + (isLossOnly ? LOSS_MS : simulation.between(20_000, 100_000));
    await simulation.run(endMs);
    disturbances.end();
    await this.#untilDone(users);
    await this.#settle(endMs, isLossOnly);
  }

  /** Its snapshot is the administrator's, and stays. */
  async #registerEbsImage(): Promise<{ ebsImageId: string }> {
    const { imageId, snapshotId } = await registerEbsImage(this.#world);
    this.#model.snapshots.add(snapshotId);
    return { ebsImageId: imageId };
  }

  #makeUsers(images: { imageId: string; ebsImageId?: string }, isLossOnly: boolean): User[] {
    const { simulation } = this.#world;
    const takesSnapshots = simulation.happens(0.1);
    const pauseMs = isLossOnly
      ? ([5_000, 15_000] as const)
      : simulation.pick([[200, 2_000] as const, [1_000, 10_000] as const])!;
    return Array.from({ length: simulation.between(1, 4) }, (_, at) => {
      const wishes = simulation.between(6, 20);
      const name = `user-${at}`;
      const leaves = simulation.happens(0.5);
      const habits = { ...images, wishes, takesSnapshots, leaves, pauseMs };
      return new User(this.#world, this.#model, { name, ...habits });
    });
  }

  async #untilDone(users: readonly User[]): Promise<void> {
    const { simulation } = this.#world;
    const limitMs = simulation.nowMs + SETTLE_LIMIT_MS;
    await simulation.run(limitMs, () => users.every((user) => user.isDone));
    if (users.some((user) => !user.isDone)) simulation.violate('a user gets no answer');
  }

  /** Looks from time to time until everything is as promised; what is not in the end is a violation. */
  async #settle(endMs: number, isLossOnly: boolean): Promise<void> {
    const { simulation } = this.#world;
    const quietFromMs = simulation.nowMs;
    if (isLossOnly) {
      await simulation.run(Math.max(quietFromMs, endMs) + 2 * RECONCILE_PERIOD_MS);
      const found = await lookAround(this.#world);
      for (const orphan of findOrphans(found)) simulation.violate(`after two periods: ${orphan}`);
    }
    const differences = await this.#untilAsPromised();
    this.#settledMs = simulation.nowMs - quietFromMs;
    // A message that was held up may still come, and must change nothing any more.
    const isLateDue = differences.length === 0 && simulation.nowMs < endMs + LATE_AT_MOST_MS;
    if (isLateDue) await simulation.run(endMs + LATE_AT_MOST_MS);
    const last = isLateDue ? await this.#untilAsPromised() : differences;
    for (const difference of last) simulation.violate(difference);
  }

  /** What is not as promised after the longest time that it may take. */
  async #untilAsPromised(): Promise<string[]> {
    const { simulation } = this.#world;
    const limitMs = simulation.nowMs + SETTLE_LIMIT_MS;
    let differences = ['nobody looked'];
    while (simulation.nowMs < limitMs && differences.length > 0) {
      await simulation.run(simulation.nowMs + LOOK_EVERY_MS);
      const found = await lookAround(this.#world);
      this.#excused = applyExcuses(this.#model, found);
      differences = [
        ...findDoubles(found),
        ...findOrphans(found),
        ...compareWithModel(this.#model, found),
      ];
    }
    return differences;
  }

  result(known: Pick<RunResult, 'seed' | 'nodes' | 'realMs' | 'cpuMs'>): RunResult {
    const { simulation, messages, crashes, steps } = this.#world;
    return {
      ...known,
      hash: simulation.digest(),
      events: simulation.events,
      virtualMs: simulation.nowMs,
      acknowledged: this.#model.acknowledged,
      instances: this.#model.instances.size,
      crashes,
      messages: messages.sent,
      lostMessages: messages.lost,
      excused: this.#excused,
      settledMs: this.#settledMs,
      steps: steps.taken,
      violations: simulation.violations,
    };
  }
}
