// Owns the sentences in which the paper sums its tables up, each in percent of its own raw values and of this run's.

import { disagrees, paperClaims } from '../paper/paper-claims.ts';

/** What the paper's text says and its tables do not: the lab recomputes every percentage. */
export function disagreements(): string[] {
  return paperClaims()
    .filter(disagrees)
    .map(({ what, said, computed, unit }) => {
      const raw = unit === 'sectors' ? computed : Math.round(computed);
      const name = unit === 'sectors' ? 'sectors' : `% ${unit.replace('percent ', '')}`;
      return `${what}: the text says ${said} ${name}, its tables ${raw}`;
    });
}
