// Owns the lines of flow logs: which fields there are, and what each says of a flow. Pure.
// Source: Amazon VPC User Guide, "Flow log records".

import type { AccountId } from '@ironbark/core/ids.ts';
import type { FlowRecord, FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { FlowLogRow } from '../store/flow-log-schema.ts';
import { invalidValue, notOffered } from './refusals.ts';

export interface LineFacts {
  accountId: AccountId;
  region: string;
  zoneId: string;
}

type Status = 'OK' | 'NODATA' | 'SKIPDATA';

interface Line extends LineFacts {
  window: FlowWindow;
  status: Status;
  /** Absent: of the whole window. */
  flow?: FlowRecord;
  /** Of the line. */
  version: number;
}

interface Field {
  /** Since which version of the format. */
  since: number;
  /** Undefined: a dash. */
  read(line: Line): string | number | undefined;
}

const FIELDS: Readonly<Record<string, Field>> = {
  version: { since: 2, read: ({ version }) => version },
  'account-id': { since: 2, read: ({ accountId }) => accountId },
  'interface-id': { since: 2, read: ({ window }) => window.interfaceId },
  srcaddr: { since: 2, read: (line) => endOf(line, 'egress', line.flow?.sourceIp) },
  dstaddr: { since: 2, read: (line) => endOf(line, 'ingress', line.flow?.destinationIp) },
  srcport: { since: 2, read: ({ flow }) => flow?.sourcePort },
  dstport: { since: 2, read: ({ flow }) => flow?.destinationPort },
  protocol: { since: 2, read: ({ flow }) => flow?.protocol },
  packets: { since: 2, read: ({ flow }) => flow?.packets },
  bytes: { since: 2, read: ({ flow }) => flow?.bytes },
  start: { since: 2, read: ({ window }) => Math.floor(window.startMs / 1_000) },
  end: { since: 2, read: ({ window }) => Math.floor(window.endMs / 1_000) },
  action: { since: 2, read: ({ flow }) => flow?.action },
  'log-status': { since: 2, read: ({ status }) => status },
  'vpc-id': { since: 3, read: ({ window }) => window.vpcId },
  'subnet-id': { since: 3, read: ({ window }) => window.subnetId },
  'instance-id': { since: 3, read: ({ window }) => window.instanceId },
  type: { since: 3, read: ({ flow }) => (flow === undefined ? undefined : 'IPv4') },
  'pkt-srcaddr': { since: 3, read: ({ flow }) => flow?.sourceIp },
  'pkt-dstaddr': { since: 3, read: ({ flow }) => flow?.destinationIp },
  region: { since: 4, read: ({ region }) => region },
  'az-id': { since: 4, read: ({ zoneId }) => zoneId },
  // Of Wavelength, Outposts and local zones, of which there are none here.
  'sublocation-type': { since: 4, read: () => undefined },
  'sublocation-id': { since: 4, read: () => undefined },
  'flow-direction': { since: 5, read: ({ flow }) => flow?.direction },
};

export const DEFAULT_FORMAT = Object.keys(FIELDS)
  .slice(0, 14)
  .map((name) => `\${${name}}`)
  .join(' ');
/** All fields that AWS has, once each, are shorter. */
const MAX_FORMAT = 2_048;

/** An interface's own end has its first address, as the interface is known by; `pkt-` fields tell the packet's. */
function endOf({ flow, window }: Line, own: FlowRecord['direction'], address?: string) {
  return flow?.direction === own ? window.privateIp : address;
}

/** Throws for a field that is not filled here, by its name. */
export function parseFormat(format: string): readonly string[] {
  const names = format.split(' ').map((word) => /^\$\{([a-z0-9-]+)\}$/.exec(word)?.[1]);
  if (format.length > MAX_FORMAT || names.includes(undefined)) {
    const shown = format.slice(0, 100);
    throw invalidValue('LogFormat', shown, 'It has fields like ${version}, with spaces between.');
  }
  const unknown = names.find((name) => !Object.hasOwn(FIELDS, name!));
  if (unknown !== undefined) throw notOffered(`The flow log field ${unknown}`);
  return names as string[];
}

/** The first line of each file. */
export function renderHeader(format: string): string {
  return parseFormat(format).join(' ');
}

/** Of one window, without lines' ends; of flows only those of the log's kind of traffic. */
export function renderWindow(
  { format, trafficType }: Pick<FlowLogRow, 'format' | 'trafficType'>,
  window: FlowWindow,
  facts: LineFacts,
): string[] {
  const names = parseFormat(format);
  const version =
    format === DEFAULT_FORMAT ? 2 : Math.max(...names.map((name) => FIELDS[name]!.since));
  const line = (status: Status, flow?: FlowRecord) => {
    const known = { ...facts, window, status, version, ...(flow === undefined ? {} : { flow }) };
    return names.map((name) => FIELDS[name]!.read(known) ?? '-').join(' ');
  };
  const flows = window.flows.filter(
    ({ action }) => trafficType === 'ALL' || action === trafficType,
  );
  const isEmpty = window.flows.length === 0 && !window.isSkipped;
  return [
    ...(isEmpty ? [line('NODATA')] : []),
    ...(window.isSkipped ? [line('SKIPDATA')] : []),
    ...flows.map((flow) => line('OK', flow)),
  ];
}

/** What the keys of an account's flow logs begin with. */
export function keyPrefix(
  { prefix, isHive }: Pick<FlowLogRow, 'prefix' | 'isHive'>,
  accountId: AccountId,
): string {
  const folder = prefix === '' ? '' : `${prefix}/`;
  return `${folder}AWSLogs/${isHive === 1 ? 'aws-account-id=' : ''}${accountId}/`;
}

/** `endMs`: of the time that the file is of; `unique`: what tells it from others of that time. */
export function renderKey(
  log: Pick<FlowLogRow, 'id' | 'accountId' | 'prefix' | 'isHive' | 'isHourly'>,
  { region, endMs, unique }: { region: string; endMs: number; unique: string },
): string {
  const [date = '', time = ''] = new Date(endMs).toISOString().split('T');
  const [year, month, day] = date.split('-');
  const [hour, minute] = time.split(':');
  const place = {
    service: 'vpcflowlogs',
    region,
    ...{ year, month, day },
    ...(log.isHourly === 1 ? { hour } : {}),
  };
  const names = { service: 'aws-service', region: 'aws-region' } as Record<string, string>;
  const folders = Object.entries(place).map(([name, value]) =>
    log.isHive === 1 ? `${names[name] ?? name}=${value}` : value,
  );
  const stamp = `${year}${month}${day}T${hour}${minute}Z`;
  const file = `${log.accountId}_vpcflowlogs_${region}_${log.id}_${stamp}_${unique}.log.gz`;
  return `${keyPrefix(log, log.accountId)}${folders.join('/')}/${file}`;
}
