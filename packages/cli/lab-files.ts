// Owns reading what runs of the lab wrote down, and budgets, from paths that somebody names.

import { join } from 'node:path';
import { type Budget, MAX_BUDGET_BYTES, parseBudget } from '@ironbark/lab/compare/budget.ts';
import { MAX_REPORT_BYTES, parseReport, ReportError } from '@ironbark/lab/compare/parse-report.ts';
import type { RunReport } from '@ironbark/lab/report/run-report.ts';
import { readFileIfPresent, statIfPresent } from '@ironbark/platform/files.ts';
import { Problem } from './problem.ts';

interface Kind<Value> {
  what: string;
  mostBytes: number;
  parse(text: string): Value;
  advice: readonly string[];
}

const REPORT: Kind<RunReport> = {
  what: 'report of a run',
  mostBytes: MAX_REPORT_BYTES,
  parse: parseReport,
  advice: ['a run writes it: lab run paper --out FOLDER, or lab run paper --json > RUN.json'],
};
const BUDGET: Kind<Budget> = {
  what: 'budget',
  mostBytes: MAX_BUDGET_BYTES,
  parse: parseBudget,
  advice: ['a run makes one: lab check --write --budget FILE RUN.json'],
};

/** The JSON of a run, or the folder of its report. */
export async function readRun(path: string): Promise<RunReport> {
  const facts = await statIfPresent(path);
  return await readKind(facts?.isDirectory() === true ? join(path, 'report.json') : path, REPORT);
}

export async function readBudget(path: string): Promise<Budget> {
  return await readKind(path, BUDGET);
}

async function readKind<Value>(path: string, kind: Kind<Value>): Promise<Value> {
  const facts = await statIfPresent(path);
  if (facts?.isFile() !== true) throw new Problem(`there is no file ${path}`, kind.advice);
  if (facts.size > kind.mostBytes) {
    throw new Problem(`${path} is larger than any ${kind.what}: ${facts.size} bytes`, kind.advice);
  }
  const bytes = await readFileIfPresent(path);
  return withPlace(path, kind.advice, () => kind.parse((bytes ?? Buffer.alloc(0)).toString()));
}

/** What is wrong in a file is said with its path. */
export function withPlace<Value>(
  path: string,
  advice: readonly string[],
  work: () => Value,
): Value {
  try {
    return work();
  } catch (error) {
    if (error instanceof ReportError) throw new Problem(`${path}: ${error.message}`, advice);
    throw error;
  }
}
