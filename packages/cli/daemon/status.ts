// Owns the daemon's answer about itself: what runs, where, and as which user.

import { readFile } from 'node:fs/promises';
import { isServiceError } from '@ironbark/core/errors.ts';
import { KIB } from '@ironbark/core/units.ts';
import type { CloudConfig } from '../cloud-config.ts';
import type { DaemonProcessFacts, DaemonStatus } from './admin-api.ts';
import type { CloudFacts } from './controllers-admin.ts';
import type { RunningCloud } from './running-cloud.ts';

export interface DaemonFacts {
  config: CloudConfig;
  dataDir: string;
  version: string;
  startedAt: string;
}

export async function describeCloud(
  cloud: RunningCloud,
  facts: DaemonFacts,
  calibration: DaemonStatus['calibration'],
): Promise<DaemonStatus> {
  const { node, endpoint, controllersPid } = cloud;
  const described = await cloud.admin.describe().catch(explainAbsence);
  return {
    ...facts,
    calibration,
    pid: process.pid,
    endpoint,
    ...described,
    failures: [...described.failures, ...(cloud.listProblems?.() ?? [])],
    node: await node.client.getReport(),
    ...(cloud.front === undefined ? {} : { front: cloud.front() }),
    processes: await describeProcesses(controllersPid),
  };
}

/** The node can be looked at, and the cloud stopped, while the controllers cannot be started. */
function explainAbsence(error: unknown): CloudFacts {
  if (!isServiceError(error, 'unavailable')) throw error;
  const nothing = { counts: {}, loginUsers: {}, failures: [] };
  return { accountId: 'unknown while the API is away', ...nothing };
}

async function describeProcesses(
  controllersPid: RunningCloud['controllersPid'],
): Promise<DaemonProcessFacts[]> {
  if (controllersPid === undefined) return [await describeProcess('all services', process.pid)];
  const pid = controllersPid();
  const privileged = await describeProcess('privileged', process.pid);
  return pid === undefined ? [privileged] : [privileged, await describeProcess('controllers', pid)];
}

async function describeProcess(name: string, pid: number): Promise<DaemonProcessFacts> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const number = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return { name, pid, uid: number('Uid'), memoryBytes: number('VmRSS') * KIB };
}
