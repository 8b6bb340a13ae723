// Owns the reconciler of instances: looks, plans, applies one step, looks again, and publishes what it sees.

import type { ErrorKind } from '@ironbark/core/errors.ts';
import { isServiceError, type ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type {
  InstanceIntent,
  InstanceObservation,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { DriverFingerprint } from '../drivers/hypervisor-driver.ts';
import { applyStep, saveConsole } from './apply-step.ts';
import { GuestBusyError } from './guest-busy.ts';
import type { InstanceContext } from './instance-context.ts';
import { renderObservation, type Trouble } from './observation.ts';
import { type InstanceView, observeInstance } from './observe-instance.ts';
import { planInstance, type Step } from './plan-instance.ts';

/** A guest's end is told by its hypervisor at once; this is for what is never told. */
const LOOK_AGAIN_MS = 10_000;
/** A guest that does not let go of a volume is asked again. */
const BUSY_AGAIN_MS = 3_000;
/** A plan has some ten steps and a few for each interface and volume. */
const MAX_STEPS = 200;
/** With the runner's back-off about two minutes: then a first launch has failed. */
const MAX_LAUNCH_FAILURES = 14;

/** Repeating does not help against these. */
const FINAL: ReadonlySet<ErrorKind> = new Set([
  'out-of-space',
  'digest-mismatch',
  'unsupported',
  'insufficient-capacity',
  'not-found',
  'invalid-parameter',
]);

export interface InstanceReconcilerOptions {
  context: InstanceContext;
  fingerprint: DriverFingerprint;
  /** The intent as it is to be carried out; undefined for an instance that is not known. */
  findDesired: (id: InstanceId) => InstanceIntent | undefined;
  publish: (observation: InstanceObservation, isSettled: boolean) => void;
  /** Tests put failures around it. */
  apply?: typeof applyStep;
}

interface TroubleState extends Trouble {
  volumes: Map<VolumeId, { reason: string; failures: number }>;
  failures: number;
}

/** What one pass over an instance found out. */
interface Pass {
  desired: InstanceIntent;
  view: InstanceView;
  plan: Step[];
}

export class InstanceReconciler implements Reconciler {
  readonly name = 'instance';
  readonly #options: InstanceReconcilerOptions;
  readonly #trouble = new Map<InstanceId, TroubleState>();

  constructor(options: InstanceReconcilerOptions) {
    this.#options = options;
  }

  async listKeys(): Promise<readonly string[]> {
    return this.#options.context.intents.instances().map(({ id }) => id);
  }

  forget(id: InstanceId): void {
    this.#trouble.delete(id);
  }

  /** Observes without changing anything. */
  async look(id: InstanceId): Promise<Pass | undefined> {
    const desired = this.#options.findDesired(id);
    if (desired === undefined) return undefined;
    const view = await observeInstance(this.#options.context, desired);
    const plan = planInstance(desired, view.observed, this.#options.context.clock.monotonicMs());
    const pass = { desired, view, plan };
    this.#publish(pass);
    return pass;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const id = key as InstanceId;
    const failures: { step: Step; error: unknown }[] = [];
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      signal.throwIfAborted();
      const pass = await this.look(id);
      if (pass === undefined || this.#hasFailed(pass.desired)) return SETTLED;
      const step = pass.plan.find((candidate) => !failures.some((f) => isSame(f.step, candidate)));
      if (step === undefined) return this.#rest(pass, failures);
      if (step.kind === 'wait') return this.#waitFor(step, failures);
      const error = await this.#attempt(pass, step);
      if (error !== undefined) failures.push({ step, error });
    }
    throw new Error(`${id} is not done after ${MAX_STEPS} steps`);
  }

  /** Undefined when the step was done. Throws unless others can go on without it. */
  async #attempt(pass: Pass, step: Exclude<Step, { kind: 'wait' }>): Promise<unknown> {
    const { id } = pass.desired;
    const trouble = this.#troubleOf(id);
    try {
      const { context, apply = applyStep } = this.#options;
      await context.aroundStep(`instance/${step.kind}`, () => apply(context, pass.desired, step));
    } catch (error) {
      this.#note(pass, step, error);
      if ('volumeId' in step || isOfNic(step)) return error;
      if (this.#hasFailed(pass.desired)) {
        const fields = { instance: id, step: step.kind, error };
        this.#options.context.logger.error('an instance cannot be launched', fields);
        return undefined;
      }
      throw error;
    }
    if ('volumeId' in step) trouble.volumes.delete(step.volumeId);
    else if (!REPEATED_ON_RETRY.has(step.kind)) {
      trouble.failures = 0;
      delete trouble.reason;
    }
    return undefined;
  }

  #note(pass: Pass, step: Step, error: unknown): void {
    const trouble = this.#troubleOf(pass.desired.id);
    const reason = describe(error);
    if ('volumeId' in step) {
      const failures = (trouble.volumes.get(step.volumeId)?.failures ?? 0) + 1;
      const isBusy = error instanceof GuestBusyError;
      trouble.volumes.set(step.volumeId, { reason, failures: isBusy ? 0 : failures });
    } else if (!isOfNic(step)) {
      trouble.failures += 1;
      trouble.reason = reason;
      if (isFinal(pass, trouble, error)) trouble.failedGeneration = pass.desired.generation;
    }
    this.#publish(pass);
  }

  async #rest(
    pass: Pass,
    failures: readonly { step: Step; error: unknown }[],
  ): Promise<ReconcileResult> {
    const { context } = this.#options;
    const real = failures.filter(({ error }) => !(error instanceof GuestBusyError));
    const [first] = real;
    if (first !== undefined) throw first.error;
    if (failures.length > 0) return { kind: 'again', afterMs: BUSY_AGAIN_MS };
    await this.#noteReached(pass);
    const handle = context.records.find(pass.desired.id)?.handle;
    if (handle === undefined) return SETTLED;
    await saveConsole(context, handle);
    return { kind: 'again', afterMs: LOOK_AGAIN_MS };
  }

  async #noteReached({ desired }: Pass): Promise<void> {
    const trouble = this.#troubleOf(desired.id);
    const isRepaired = trouble.reason !== undefined;
    trouble.failures = 0;
    delete trouble.reason;
    const { context } = this.#options;
    const note = () =>
      context.records.change(desired.id, { reachedGeneration: desired.generation });
    await context.aroundStep('instance/note-reached', note);
    if (isRepaired) await this.look(desired.id);
  }

  #waitFor(
    step: Extract<Step, { kind: 'wait' }>,
    failures: readonly { error: unknown }[],
  ): ReconcileResult {
    const [first] = failures;
    if (first !== undefined && !(first.error instanceof GuestBusyError)) throw first.error;
    const afterMs = Math.max(0, step.untilMs - this.#options.context.clock.monotonicMs());
    return { kind: 'again', afterMs };
  }

  #hasFailed(desired: InstanceIntent): boolean {
    const { failedGeneration } = this.#troubleOf(desired.id);
    return desired.power === 'running' && failedGeneration === desired.generation;
  }

  #troubleOf(id: InstanceId): TroubleState {
    const known = this.#trouble.get(id) ?? { volumes: new Map(), failures: 0 };
    this.#trouble.set(id, known);
    return known;
  }

  #publish({ desired, view, plan }: Pass): void {
    const trouble = this.#troubleOf(desired.id);
    if (trouble.failedGeneration !== undefined && trouble.failedGeneration !== desired.generation) {
      delete trouble.failedGeneration;
      delete trouble.reason;
      trouble.failures = 0;
    }
    const { fingerprint } = this.#options;
    const observation = renderObservation({ desired, ...view, plan, trouble, fingerprint });
    this.#options.publish(observation, plan.length === 0 || this.#hasFailed(desired));
  }
}

/** The guest runs on without it. */
function isOfNic({ kind }: Step): boolean {
  return kind === 'plug-nic' || kind === 'unplug-nic' || kind === 'cut-nic';
}

/** Done again at every attempt, so their success says nothing about what failed after them. */
const REPEATED_ON_RETRY: ReadonlySet<Step['kind']> = new Set(['ensure-port', 'note-crash']);

/** A launch that never worked fails for good; an instance that ran before is tried for ever. */
function isFinal({ desired, view }: Pass, trouble: TroubleState, error: unknown): boolean {
  if (desired.power !== 'running' || view.observed.guest !== 'none') return false;
  if (view.observed.record?.startedAt !== undefined) return false;
  const isHopeless = isServiceError(error) && FINAL.has(error.kind);
  return isHopeless || trouble.failures >= MAX_LAUNCH_FAILURES;
}

/** Only what was written for people reaches people. */
function describe(error: unknown): string {
  if (error instanceof GuestBusyError) return error.message;
  return isServiceError(error)
    ? (error as ServiceError).message
    : "The node had an error of its own; it tries again. The node's log has the details.";
}

function isSame(one: Step, other: Step): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
