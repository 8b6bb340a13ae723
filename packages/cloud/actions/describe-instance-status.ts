// Owns DescribeInstanceStatus.

import type { InstanceStatus, SummaryStatus } from '@aws-sdk/client-ec2';
import { INSTANCE_STATE_CODES } from '@ironbark/core/states.ts';
import type { FilterTable } from '../app/filters.ts';
import { parseObservation } from '../app/instance-outcome.ts';
import { INSTANCE, parseIds } from '../app/resource-ids.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import type { Ec2Handler } from './handler.ts';
import type { InstanceRecord } from './instance-records.ts';
import { renderState } from './render-instance.ts';
import { searchInstances } from './search-instances.ts';

/** No events are planned for instances here, and what is attached is not judged by itself; none matches. */
const NOTHING = [
  'application-status.status',
  'attached-ebs-status.status',
  'event.code',
  'event.description',
  'event.instance-event-id',
  'event.not-after',
  'event.not-before',
  'event.not-before-deadline',
  'operator.principal',
];

const FILTERS: FilterTable<InstanceRecord> = {
  names: {
    ...Object.fromEntries(NOTHING.map((name) => [name, () => undefined])),
    'availability-zone-id': ({ row }) => zoneIdOf(row.zone),
    'operator.managed': () => false,
    'availability-zone': ({ row }) => row.zone,
    'instance-state-code': ({ view }) => INSTANCE_STATE_CODES[view.state],
    'instance-state-name': ({ view }) => view.state,
    'instance-status.status': (record) => viewReachability(record),
    'instance-status.reachability': (record) => REACHABILITY[viewReachability(record)],
    'system-status.status': (record) => viewSystem(record),
    'system-status.reachability': (record) => REACHABILITY[viewSystem(record)],
  },
  tags: (record) => record.tags,
};

export const describeInstanceStatus: Ec2Handler<'DescribeInstanceStatus'> = async (
  app,
  context,
  input,
) => {
  const { items, nextToken } = await searchInstances(app.store.query, {
    accountId: context.accountId,
    region: app.region,
    ids: parseIds(INSTANCE, input.InstanceIds, 'InstanceId'),
    request: input,
    options: { action: 'DescribeInstanceStatus', idsParameter: 'InstanceId' },
    table: FILTERS,
    keep: ({ view }) => input.IncludeAllInstances === true || view.state === 'running',
  });
  return { InstanceStatuses: items.map(renderStatus), NextToken: nextToken };
};

type Status = Extract<SummaryStatus, 'ok' | 'impaired' | 'initializing' | 'not-applicable'>;
const REACHABILITY = {
  ok: 'passed',
  impaired: 'failed',
  initializing: 'initializing',
  'not-applicable': undefined,
} as const;

/** The guest's own sign of life: it has asked for its address or metadata. */
function viewReachability({ row, view }: InstanceRecord): Status {
  if (view.state !== 'running') return 'not-applicable';
  return parseObservation(row)?.reachableAt === undefined ? 'initializing' : 'ok';
}

/** The host's half: the node says that the machine runs and makes progress. */
function viewSystem({ row, view }: InstanceRecord): Status {
  if (view.state !== 'running') return 'not-applicable';
  return parseObservation(row)?.isStuck === true ? 'impaired' : 'ok';
}

function renderStatus(record: InstanceRecord): InstanceStatus {
  return {
    InstanceId: record.row.id,
    AvailabilityZone: record.row.zone,
    InstanceState: renderState(record.view.state),
    InstanceStatus: renderSummary(viewReachability(record)),
    SystemStatus: renderSummary(viewSystem(record)),
    Events: [],
  };
}

function renderSummary(status: Status): NonNullable<InstanceStatus['InstanceStatus']> {
  const reachability = REACHABILITY[status];
  if (reachability === undefined) return { Status: status };
  return { Status: status, Details: [{ Name: 'reachability', Status: reachability }] };
}
