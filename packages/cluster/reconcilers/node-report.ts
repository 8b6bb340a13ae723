// Owns fetching what nodes see, when they say that it has changed and every few seconds.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { NodeId } from '@ironbark/core/ids.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { NodeReport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { ClusterContext } from '../app/context.ts';
import { withinDeadline } from '../app/deadline.ts';
import type { ReportRecorder } from '../app/reports.ts';

/** Ten tries in a lease. */
const REPORT_PERIOD_MS = 3_000;

export function createNodeReportReconciler(
  context: ClusterContext,
  recorder: ReportRecorder,
): Reconciler {
  return {
    name: 'node-report',
    listKeys: async () => [...context.nodes.keys()],
    reconcile: (key) => fetchReport(context, recorder, key as NodeId),
  };
}

async function fetchReport(
  context: ClusterContext,
  recorder: ReportRecorder,
  id: NodeId,
): Promise<ReconcileResult> {
  const client = context.nodes.get(id);
  if (client === undefined) return SETTLED;
  const report = await askForReport(context, id, client);
  if (report !== undefined) await recorder.record(id, report);
  const health = context.health.takeChange(id);
  if (health !== undefined) {
    context.logger.info('node health changed', { id, health });
    context.nodesChanged();
  }
  return { kind: 'again', afterMs: REPORT_PERIOD_MS };
}

/** Undefined when the node is away: that is no failure here, it is asked again in the same period. */
async function askForReport(
  context: ClusterContext,
  id: NodeId,
  client: NodeClient,
): Promise<NodeReport | undefined> {
  try {
    const report = await withinDeadline(context.clock, 'getReport', client.getReport());
    if (report.nodeId !== id) throw new Error(`${id} reports as ${report.nodeId}`);
    return withOwnAddress(context, report);
  } catch (error) {
    // One that is away is no news each time; one whose words are refused will not get better by itself.
    const level = isServiceError(error, 'malformed-input') ? 'warn' : 'debug';
    context.logger[level]('node does not report', { id, error });
    return undefined;
  }
}

/** Where others come to join this host, they reach its node, too. */
function withOwnAddress(context: ClusterContext, report: NodeReport): NodeReport {
  const { nodeId, underlayAddress } = report;
  const address = underlayAddress === undefined ? context.findOwnAddress() : undefined;
  if (address === undefined || context.isElsewhere(nodeId)) return report;
  return { ...report, underlayAddress: address };
}
