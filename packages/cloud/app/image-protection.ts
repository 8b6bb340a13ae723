// Owns that a protected image cannot be deregistered: from when its owner says so, until the owner ends it, and for a day after
// that where it was made with a cooldown.
// Source: "Protect an Amazon EC2 AMI from deregistration", EC2 User Guide.

import type { ImageRow } from '../store/image-schema.ts';
import { refuse } from './refusals.ts';

const COOLDOWN_MS = 24 * 60 * 60_000;

type Protection = Pick<ImageRow, 'deregistrationProtection' | 'protectedUntil'>;

interface Wish {
  withCooldown: boolean;
  nowMs: number;
}

/** A cooldown cannot be gone around by protecting the image without one. */
export function enableProtection(before: Protection, { withCooldown, nowMs }: Wish): Protection {
  return {
    deregistrationProtection: withCooldown ? 'enabled-with-cooldown' : 'enabled-without-cooldown',
    protectedUntil: withCooldown ? before.protectedUntil : cooledAt(before, nowMs),
  };
}

/** Ending it once more does not begin the day again. */
export function disableProtection(before: Protection, nowMs: number): Protection {
  return { deregistrationProtection: 'disabled', protectedUntil: cooledAt(before, nowMs) };
}

function cooledAt({ deregistrationProtection, protectedUntil }: Protection, nowMs: number) {
  return deregistrationProtection === 'enabled-with-cooldown'
    ? nowMs + COOLDOWN_MS
    : protectedUntil;
}

/** EC2's words: `disabled-until` with a time while it still holds. */
export function viewProtection(
  { deregistrationProtection, protectedUntil }: Protection,
  nowMs: number,
): string {
  if (deregistrationProtection !== 'disabled') return deregistrationProtection;
  if (protectedUntil === null || protectedUntil <= nowMs) return 'disabled';
  return `disabled-until ${new Date(protectedUntil).toISOString()}`;
}

export function requireUnprotected(image: Protection & { id: string }, nowMs: number): void {
  const protection = viewProtection(image, nowMs);
  if (protection === 'disabled') return;
  throw refuse(
    'operation-not-permitted',
    'image',
    `The image '${image.id}' is protected from deregistration (${protection}). Disable its protection first.`,
  );
}
