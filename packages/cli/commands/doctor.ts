// Owns `ironbark doctor`: what this host has, what it lacks, and what to do about each.

import type { HostCheck } from '@ironbark/node/host/host-facts.ts';
import type { CliContext } from '../context.ts';
import { checkHost } from '../host-checks.ts';

const HAS_FAILURES = 1;

export async function examine(context: CliContext, path: string): Promise<number> {
  const { terminal } = context;
  const checks = await terminal.step(
    'Looking at this host',
    async (progress) => await checkHost(context, path, progress),
  );
  const width = Math.max(...checks.map(({ name }) => name.length));
  terminal.result({ checks }, () =>
    checks.map((check) => renderCheck(context, check, width)).join('\n'),
  );
  return checks.some((check) => check.status === 'fail') ? HAS_FAILURES : 0;
}

function renderCheck(context: CliContext, check: HostCheck, width: number): string {
  const { terminal } = context;
  const line = `${terminal.mark(check.status)} ${check.name.padEnd(width)} ${check.detail}`;
  return check.status === 'ok' || check.fix === ''
    ? line
    : `${line}\n${' '.repeat(width + 3)}→ ${check.fix}`;
}
