// Owns the XML of a bucket's lifecycle: which rules there are and what each asks for.
// Source: AWS, "Lifecycle configuration elements".

import { ServiceError } from '@ironbark/core/errors.ts';
import { renderS3Time } from './list-results.ts';
import type { Tag } from './tagging.ts';
import { childrenOf, findText, malformedXml, parseXml, type XmlNode } from './xml-reader.ts';
import { element, optional, renderXml, s3Root, type XmlElement } from './xml-writer.ts';

export interface LifecycleFilter {
  prefix: string;
  tags: readonly Tag[];
  largerThanBytes?: number | undefined;
  smallerThanBytes?: number | undefined;
}

export interface LifecycleRule {
  id: string;
  isEnabled: boolean;
  filter: LifecycleFilter;
  /** Prefix stands in the rule itself, as in the first form of the document. */
  isOldForm: boolean;
  expiration?: { days?: number; dateMs?: number; deleteMarker?: boolean } | undefined;
  noncurrent?: { days: number; keep?: number } | undefined;
  abortUploadsDays?: number | undefined;
}

/** AWS's limits. */
const MAX_RULES = 1_000;
const MAX_ID_LENGTH = 255;
const MAX_KEPT = 100;

/** `newId` names rules that come without a name. */
export function parseLifecycle(body: Uint8Array, newId: () => string): readonly LifecycleRule[] {
  const nodes = childrenOf(parseXml(body, 'LifecycleConfiguration'), 'Rule');
  if (nodes.length === 0 || nodes.length > MAX_RULES) {
    throw malformedXml(`it has to have 1 to ${MAX_RULES} rules`);
  }
  const rules = nodes.map((node) => parseRule(node, newId));
  const ids = rules.map((rule) => rule.id);
  if (new Set(ids).size !== ids.length) {
    throw badRule('Rule ID must be unique. Found same ID for more than one rule');
  }
  return rules;
}

function parseRule(node: XmlNode, newId: () => string): LifecycleRule {
  const id = findText(node, 'ID') || newId();
  if (id.length > MAX_ID_LENGTH) {
    throw badRule(`ID length should not exceed allowed limit of ${MAX_ID_LENGTH}`);
  }
  const status = findText(node, 'Status');
  if (status !== 'Enabled' && status !== 'Disabled') {
    throw malformedXml('Status has to be Enabled or Disabled');
  }
  refuseTransitions(node);
  const [filter] = childrenOf(node, 'Filter');
  const rule: LifecycleRule = {
    id,
    isEnabled: status === 'Enabled',
    isOldForm: filter === undefined,
    filter:
      filter === undefined
        ? { prefix: findText(node, 'Prefix') ?? '', tags: [] }
        : parseFilter(filter),
    ...parseActions(node),
  };
  if (rule.expiration ?? rule.noncurrent ?? rule.abortUploadsDays) return rule;
  throw malformedXml('At least one action needs to be specified in a rule');
}

function refuseTransitions(node: XmlNode): void {
  const names = ['Transition', 'NoncurrentVersionTransition'];
  const found = names.flatMap((name) => childrenOf(node, name));
  for (const transition of found) {
    const date = findText(transition, 'Date');
    if (date !== undefined) parseDate(date);
  }
  if (found.length === 0) return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'storage-class',
    message:
      'Transition is not implemented: this cloud has the one storage class STANDARD, and nowhere to move objects to.',
  });
}

function parseActions(
  node: XmlNode,
): Pick<LifecycleRule, 'expiration' | 'noncurrent' | 'abortUploadsDays'> {
  const [expiration] = childrenOf(node, 'Expiration');
  const [noncurrent] = childrenOf(node, 'NoncurrentVersionExpiration');
  const [abort] = childrenOf(node, 'AbortIncompleteMultipartUpload');
  return {
    ...(expiration === undefined ? {} : { expiration: parseExpiration(expiration) }),
    ...(noncurrent === undefined ? {} : { noncurrent: parseNoncurrent(noncurrent) }),
    ...(abort === undefined
      ? {}
      : { abortUploadsDays: parseDays(findText(abort, 'DaysAfterInitiation')) }),
  };
}

function parseExpiration(node: XmlNode): NonNullable<LifecycleRule['expiration']> {
  const days = findText(node, 'Days');
  const date = findText(node, 'Date');
  const marker = findText(node, 'ExpiredObjectDeleteMarker');
  if ([days, date, marker].filter((one) => one !== undefined).length !== 1) {
    throw malformedXml('Expiration takes one of Days, Date and ExpiredObjectDeleteMarker');
  }
  if (days !== undefined) return { days: parseDays(days) };
  if (date !== undefined) return { dateMs: parseDate(date) };
  return { deleteMarker: marker === 'true' };
}

function parseNoncurrent(node: XmlNode): NonNullable<LifecycleRule['noncurrent']> {
  const days = parseDays(findText(node, 'NoncurrentDays'));
  const keep = findText(node, 'NewerNoncurrentVersions');
  if (keep === undefined) return { days };
  const count = parseCount(keep);
  if (count < 1 || count > MAX_KEPT) {
    throw badRule(`NewerNoncurrentVersions has to be 1 to ${MAX_KEPT}`);
  }
  return { days, keep: count };
}

function parseDays(text: string | undefined): number {
  const days = parseCount(text ?? '');
  if (days > 0) return days;
  throw badRule('Days for an action must be a positive integer');
}

function parseCount(text: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw malformedXml('a number is missing or none');
}

const DAY_MS = 24 * 3_600_000;

function parseDate(text: string): number {
  const ms = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(ms)) throw malformedXml('Date is none of ISO 8601');
  if (ms % DAY_MS === 0) return ms;
  throw badRule("'Date' must be at midnight GMT");
}

function parseFilter(node: XmlNode): LifecycleFilter {
  const [and] = childrenOf(node, 'And');
  const from = and ?? node;
  if (and === undefined && node.children.length > 1) {
    throw malformedXml('a Filter with several conditions has to put them into And');
  }
  const tags = childrenOf(from, 'Tag').map((tag) => ({
    key: findText(tag, 'Key') ?? '',
    value: findText(tag, 'Value') ?? '',
  }));
  const larger = findText(from, 'ObjectSizeGreaterThan');
  const smaller = findText(from, 'ObjectSizeLessThan');
  return {
    prefix: findText(from, 'Prefix') ?? '',
    tags,
    ...(larger === undefined ? {} : { largerThanBytes: parseSize(larger) }),
    ...(smaller === undefined ? {} : { smallerThanBytes: parseSize(smaller) }),
  };
}

function parseSize(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw malformedXml('a size is no number');
}

export function renderLifecycle(rules: readonly LifecycleRule[]): string {
  return renderXml(s3Root('LifecycleConfiguration', rules.map(renderRule)));
}

function renderRule(rule: LifecycleRule): XmlElement {
  const place = rule.isOldForm
    ? element('Prefix', rule.filter.prefix)
    : element('Filter', renderFilter(rule.filter));
  const { expiration, noncurrent, abortUploadsDays } = rule;
  return element('Rule', [
    element('ID', rule.id),
    place,
    element('Status', rule.isEnabled ? 'Enabled' : 'Disabled'),
    ...(expiration === undefined ? [] : [element('Expiration', renderExpiration(expiration))]),
    ...(noncurrent === undefined
      ? []
      : [
          element('NoncurrentVersionExpiration', [
            element('NoncurrentDays', noncurrent.days),
            ...optional('NewerNoncurrentVersions', noncurrent.keep),
          ]),
        ]),
    ...(abortUploadsDays === undefined
      ? []
      : [
          element('AbortIncompleteMultipartUpload', [
            element('DaysAfterInitiation', abortUploadsDays),
          ]),
        ]),
  ]);
}

function renderExpiration(
  expiration: NonNullable<LifecycleRule['expiration']>,
): readonly XmlElement[] {
  const { days, dateMs, deleteMarker } = expiration;
  return [
    ...optional('Days', days),
    ...optional('Date', dateMs === undefined ? undefined : renderS3Time(dateMs)),
    ...optional('ExpiredObjectDeleteMarker', deleteMarker),
  ];
}

function renderFilter(filter: LifecycleFilter): readonly XmlElement[] {
  const { prefix, tags, largerThanBytes, smallerThanBytes } = filter;
  const others = [
    ...tags.map((tag) => element('Tag', [element('Key', tag.key), element('Value', tag.value)])),
    ...optional('ObjectSizeGreaterThan', largerThanBytes),
    ...optional('ObjectSizeLessThan', smallerThanBytes),
  ];
  const prefixes = prefix === '' && others.length > 0 ? [] : [element('Prefix', prefix)];
  const all = [...prefixes, ...others];
  return all.length > 1 ? [element('And', all)] : all;
}

function badRule(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-parameter', resource: 'request', message });
}
