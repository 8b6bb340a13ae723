// Owns giving clones what they lack of the image that they were cloned from, a few at a time. Whoever has the image open
// does it, or the program itself; one that is cut short is gone on with by beginning again.
//
//   clone --flatten--> reads from nothing else --feature enable, object-map rebuild--> whole
//
// A clone has no map of objects (Ceph's object-map) before it reads from nothing else. Ceph notes an object there before it
// makes it, a client that dies in between leaves the note, and the next flatten passes over all that is noted: those bytes
// would read as zeros once the parent is let go (ceph/ceph#61129; `object-map check` and `rebuild` keep such notes). And
// whoever has a point in time of a clone open goes on with the map that it had then, after what was not in it has
// been copied and the parent is gone (ceph/ceph#70143).

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { AttachedProcess } from '@ironbark/platform/commands.ts';
import { type CloneFacts, DONE_PERCENT } from '@ironbark/protocol/internal/staged-backend.ts';
import { MAP_FEATURES, type RbdCommand } from './rbd-command.ts';
import { type ImageFacts, readImage } from './rbd-images.ts';

type Step = (imageSpec: string) => string[];

interface Flattening {
  state: 'waiting' | 'running' | 'failed';
  percent: number;
  process?: AttachedProcess;
  failedAtMs?: number;
}

/** Leaves a cluster room for its guests. */
const AT_A_TIME = 2;
/** How long a failure is shown before it may be tried again. */
const FAILED_FOR_MS = 10_000;
/** Of the way from any state of a clone to the end, with one to spare that somebody else has undone. */
const MOST_STEPS = 5;
const PROGRESS = /(\d{1,3})% complete/g;

export class RbdFlattenings implements AsyncDisposable {
  readonly #rbd: RbdCommand;
  readonly #clock: Clock;
  readonly #all = new Map<VolumeId, Flattening>();

  constructor(rbd: RbdCommand, clock: Clock) {
    this.#rbd = rbd;
    this.#clock = clock;
  }

  /** Undefined when nothing is under way. */
  find(id: VolumeId): CloneFacts | undefined {
    const found = this.#all.get(id);
    if (found === undefined || this.#mayTryAgain(found)) return undefined;
    return { state: found.state === 'failed' ? 'failed' : 'running', percent: found.percent };
  }

  begin(id: VolumeId): void {
    const found = this.#all.get(id);
    if (found !== undefined && !this.#mayTryAgain(found)) return;
    this.#all.set(id, { state: 'waiting', percent: 0 });
    this.#startNext();
  }

  /** Ends it where it is. */
  async end(id: VolumeId): Promise<void> {
    const found = this.#all.get(id);
    this.#all.delete(id);
    found?.process?.kill('SIGKILL');
    await found?.process?.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all.keys()].map((id) => this.end(id)));
  }

  #mayTryAgain({ failedAtMs }: Flattening): boolean {
    return failedAtMs !== undefined && this.#clock.monotonicMs() - failedAtMs > FAILED_FOR_MS;
  }

  #startNext(): void {
    const all = [...this.#all];
    const next = all.find(([, { state }]) => state === 'waiting');
    const running = all.filter(([, { state }]) => state === 'running').length;
    if (next !== undefined && running < AT_A_TIME) void this.#run(...next);
  }

  async #run(id: VolumeId, flattening: Flattening): Promise<void> {
    flattening.state = 'running';
    const isDone = await this.#flatten(id, flattening).catch(() => false);
    if (this.#all.get(id) === flattening) {
      if (isDone) this.#all.delete(id);
      else {
        flattening.state = 'failed';
        flattening.failedAtMs = this.#clock.monotonicMs();
      }
    }
    this.#startNext();
  }

  async #flatten(id: VolumeId, flattening: Flattening): Promise<boolean> {
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      const image = await readImage(this.#rbd, id);
      if (image === undefined) return false;
      const step = planWhole(image);
      if (step === undefined) return true;
      if (this.#all.get(id) !== flattening) return false;
      if (image.parent === undefined) flattening.percent = DONE_PERCENT;
      if (!(await this.#follow(step(this.#rbd.imageSpec(id)), { id, flattening }))) return false;
    }
    return false;
  }

  async #follow(
    args: readonly string[],
    { id, flattening }: { id: VolumeId; flattening: Flattening },
  ): Promise<boolean> {
    const process = await this.#rbd.start(args);
    flattening.process = process;
    // It was ended before it had begun.
    if (this.#all.get(id) !== flattening) process.kill('SIGKILL');
    process.stdout.resume();
    for await (const piece of process.stderr) {
      flattening.percent = readPercent(String(piece)) ?? flattening.percent;
    }
    return (await process.ended) === 0;
  }
}

/** What is asked of `rbd` next for a clone; undefined when it is whole. */
export function planWhole({ parent, features = [], flags = [] }: ImageFacts): Step | undefined {
  const mapped = MAP_FEATURES.filter((feature) => features.includes(feature));
  const lacking = MAP_FEATURES.filter((feature) => !features.includes(feature));
  if (parent !== undefined && mapped.length > 0) {
    return (spec) => ['feature', 'disable', spec, ...mapped];
  }
  if (parent !== undefined) return (spec) => ['flatten', spec];
  if (lacking.length > 0) return (spec) => ['feature', 'enable', spec, ...lacking];
  if (flags.length === 0) return undefined;
  return (spec) => ['object-map', 'rebuild', '--no-progress', spec];
}

/** The last of what a program that shows its progress has said. */
export function readPercent(text: string): number | undefined {
  const last = [...text.matchAll(PROGRESS)].at(-1);
  return last === undefined ? undefined : Math.min(Number(last[1]), 100);
}
