// Owns how often a target asks its socket again before it sleeps until a frame wakes it. To sleep and be woken takes
// longer than most answers do, but who never sleeps takes a processor from others: it asks on only while frames have
// come soon after the last, and not where somebody else has waited for its processor. Pure.

/** A recvmmsg that finds nothing takes about half a microsecond: these take 50. */
const MOST_ASKS = 100;
const FEWEST_ASKS = 12;
/** A sleep that ended sooner is worth staying awake for: the waking is most of it. */
const SHORT_SLEEP_MS = 0.1;
/** How long nothing is asked twice on a processor that others want. */
const CROWDED_MS = 100;

export class PollWindow {
  #asks = 0;
  #sleepsSinceMs = Number.NEGATIVE_INFINITY;
  #crowdedUntilMs = Number.NEGATIVE_INFINITY;
  #displaced = 0;

  /** How often to ask after the last frame. */
  get asks(): number {
    return this.#asks;
  }

  sleeps(nowMs: number): void {
    this.#sleepsSinceMs = nowMs;
  }

  wakes(nowMs: number): void {
    const isShort = nowMs - this.#sleepsSinceMs < SHORT_SLEEP_MS && nowMs >= this.#crowdedUntilMs;
    if (isShort) this.#asks = Math.min(MOST_ASKS, Math.max(FEWEST_ASKS, this.#asks * 2));
    else this.#asks = this.#asks / 2 < FEWEST_ASKS ? 0 : Math.floor(this.#asks / 2);
  }

  /** `times`: how often this process has had to leave its processor to another one, ever. */
  wasDisplaced(times: number, nowMs: number): void {
    const isNew = times > this.#displaced;
    this.#displaced = times;
    if (!isNew) return;
    this.#asks = 0;
    this.#crowdedUntilMs = nowMs + CROWDED_MS;
  }
}
