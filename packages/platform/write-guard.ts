// Owns what follows when a disk fails to keep a change. The kernel may have dropped what a failed sync was to keep, and
// a second sync would say nothing of it: whether a process could go on cannot be known, so it changes nothing more.

import { ServiceError } from '@ironbark/core/errors.ts';

export class WriteGuard {
  readonly #path: string;
  #failure: ServiceError | undefined;

  /** `path`: what a person would look for on the disk. */
  constructor(path: string) {
    this.#path = path;
  }

  /** A sentence for people; undefined while all is well. */
  get failure(): string | undefined {
    return this.#failure?.message;
  }

  /** Throws once the disk has failed. Reading goes on without asking. */
  requireHealth(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The first failure is final until the next start. Answers the error to throw. */
  fail(cause: unknown): ServiceError {
    this.#failure ??= new ServiceError({
      kind: 'unavailable',
      resource: 'host',
      message: `The disk that holds ${this.#path} has failed to keep a change. Nothing more is changed there until the disk has been looked at and Ironbark started again.`,
      cause,
    });
    return this.#failure;
  }
}
