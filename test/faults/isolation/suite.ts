// Owns the suite of isolation: guests and exporters looked at from outside and attacked from inside, and the time
// that confining them takes.

import { userInfo } from 'node:os';
import { keepInheritedFilesFromChildren } from '@ironbark/platform/inherited-files.ts';
import type { SuiteOptions } from '../../support/fault-suite.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { attackFrom } from './attacks.ts';
import { isolationFigures } from './figures.ts';
import { startOverheadFigure } from './start-time.ts';
import { startSubjects } from './subjects.ts';

const GUESTS = 2;
const VOLUMES = 2;

export async function isolationSuite({
  guests = GUESTS,
  explain,
}: SuiteOptions): Promise<Figure[]> {
  if (userInfo().uid !== 0) throw new Error('without root guests share one user; run it as root');
  // As the daemon does, in whose place this process starts them.
  keepInheritedFilesFromChildren();
  await using subjects = await startSubjects({ guests, volumes: VOLUMES });
  const figures = isolationFigures(subjects.all, explain);
  const attempts = await attackFrom(subjects);
  const lost = attempts.filter(({ outcome }) => outcome === 'succeeded');
  for (const { what } of lost) explain(`not refused: ${what}`);
  figures.push({
    name: 'attempts from inside',
    value: attempts.length,
    bar: 1,
    ok: attempts.length > 0,
  });
  figures.push(zeroFigure('attempts that were not refused', lost.length));
  figures.push(await startOverheadFigure());
  return figures;
}
