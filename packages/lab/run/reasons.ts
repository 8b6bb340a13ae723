// Owns why a row has no figures, as a sentence.

export const INTERRUPTED = 'The run was ended before this row.';

export function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const first = text.trim().split('\n')[0]!;
  const whole = first.charAt(0).toUpperCase() + first.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
