// Owns CreateFlowLogs: records of the flows of VPCs, subnets and interfaces, kept in a bucket.

import type { CreateFlowLogsCommandInput } from '@aws-sdk/client-ec2';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { FlowLogId } from '@ironbark/core/ids.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { DEFAULT_FORMAT, parseFormat } from '../app/flow-log-lines.ts';
import {
  createFlowLogs as createLogs,
  type FlowLogWish,
  findLogged,
  logSource,
} from '../app/flow-logs.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  notOffered,
  refuseParameters,
} from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import { changeNetwork } from '../app/vpc-capability.ts';
import type { Ec2Handler } from './handler.ts';

const NOT_OFFERED = ['TagFieldSpecifications', 'DeliverCrossAccountRole'];
/** Of CloudWatch Logs. */
const OF_LOG_GROUPS = ['LogGroupName', 'DeliverLogsPermissionArn'] as const;
const TYPES = ['VPC', 'Subnet', 'NetworkInterface'] as const;
/** "You can specify a maximum of 1000 resources" (API reference, `ResourceIds`, but for transit gateways). */
const MAX_RESOURCES = 1_000;
const INTERVALS = [60, 600];
const DESTINATION = /^arn:aws:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s;
/** Of UTF-8; a key has 1,024, and what follows the prefix less than half of them. */
const MAX_PREFIX_BYTES = 512;

export const createFlowLogs: Ec2Handler<'CreateFlowLogs'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  const wish = parseWish(input);
  const { accountId, principal } = context;
  for (const id of wish.resourceIds) {
    await findLogged(app.store.query, accountId, { type: wish.type, id });
  }
  const { ClientToken } = input;
  const source = logSource(wish, { region: app.region, accountId });
  // Whether the bucket would be changed is not tried out.
  if (!context.dryRun) {
    const refusal = await app.objects.admitLogs(source, principal).catch(explainRefusal);
    if (refusal !== undefined) {
      const reason = { Code: '400', Message: refusal(input.LogDestination!, wish.bucket) };
      const Unsuccessful = wish.resourceIds.map((ResourceId) => ({ ResourceId, Error: reason }));
      return { ClientToken, FlowLogIds: [], Unsuccessful };
    }
  }
  const call = { action: 'CreateFlowLogs', token: ClientToken, parameters: input };
  return changeNetwork(app, context, async (change) => {
    const make = () => createLogs(app, context, change, wish);
    const FlowLogIds = await makeOnce<FlowLogId>(change, context, call, make);
    return { ClientToken, FlowLogIds, Unsuccessful: [] };
  });
};

type Sentence = (destination: string, bucket: string) => string;

function explainRefusal(error: unknown): Sentence {
  if (isServiceError(error, 'not-found')) {
    return (destination) => `LogDestination: ${destination} does not exist.`;
  }
  if (!isServiceError(error, 'not-authorized')) throw error;
  return (_destination, bucket) =>
    `Access Denied for LogDestination: ${bucket}. Please check LogDestination permission`;
}

function parseWish(input: CreateFlowLogsCommandInput): FlowLogWish {
  const { ResourceIds = [], ResourceType, TrafficType, MaxAggregationInterval = 600 } = input;
  const type = TYPES.find((one) => one === ResourceType);
  if (ResourceType === undefined) throw missingParameter('ResourceType');
  if (type === undefined) throw notOffered(`A flow log of the type ${ResourceType}`);
  if (ResourceIds.length === 0) throw missingParameter('ResourceId');
  if (ResourceIds.length > MAX_RESOURCES) {
    throw invalidValue('ResourceId', ResourceIds.length, `At most ${MAX_RESOURCES} are taken.`);
  }
  if (TrafficType === undefined) throw missingParameter('TrafficType');
  if (!INTERVALS.includes(MaxAggregationInterval)) {
    throw invalidValue('MaxAggregationInterval', MaxAggregationInterval, 'It is 60 or 600.');
  }
  const { LogFormat: format = DEFAULT_FORMAT } = input;
  parseFormat(format);
  const { 'vpc-flow-log': tags } = parseTagSpecifications(input.TagSpecifications, [
    'vpc-flow-log',
  ]);
  return {
    ...{ type, tags, format, trafficType: TrafficType },
    ...{ resourceIds: [...new Set(ResourceIds)], maxAggregationSeconds: MaxAggregationInterval },
    ...parseDestination(input),
    ...parseOptions(input),
  };
}

function parseDestination(input: CreateFlowLogsCommandInput) {
  const { LogDestinationType = 'cloud-watch-logs', LogDestination } = input;
  if (LogDestinationType !== 's3') {
    throw notOffered(`The log destination type ${LogDestinationType}`, 'Use s3.');
  }
  const group = OF_LOG_GROUPS.find((name) => input[name] !== undefined);
  if (group !== undefined) throw invalidCombination(`${group} is not for the destination type s3.`);
  if (LogDestination === undefined) throw missingParameter('LogDestination');
  const [, bucket, folder = ''] = DESTINATION.exec(LogDestination) ?? [];
  const prefix = folder.replace(/\/$/, '');
  const isReserved = prefix.split('/').includes('AWSLogs');
  if (bucket === undefined || isReserved || Buffer.byteLength(prefix) > MAX_PREFIX_BYTES) {
    const form =
      'It is arn:aws:s3:::bucket or arn:aws:s3:::bucket/folder/, and AWSLogs is no folder of yours.';
    throw invalidValue('LogDestination', LogDestination.slice(0, 100), form);
  }
  return { destination: LogDestination, bucket, prefix };
}

function parseOptions({ DestinationOptions }: CreateFlowLogsCommandInput) {
  const { FileFormat = 'plain-text' } = DestinationOptions ?? {};
  if (FileFormat !== 'plain-text') throw notOffered(`The file format ${FileFormat}`);
  const { HiveCompatiblePartitions, PerHourPartition } = DestinationOptions ?? {};
  const flag = (value: boolean | undefined) => (value === true ? 1 : 0);
  return { isHive: flag(HiveCompatiblePartitions), isHourly: flag(PerHourPartition) } as const;
}
