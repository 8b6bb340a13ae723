// Owns the XML of object lock: a bucket's configuration, a version's retention and its legal hold.

import { ServiceError } from '@ironbark/core/errors.ts';
import { childrenOf, findText, malformedXml, parseXml, type XmlNode } from './xml-reader.ts';
import { element, optional, renderXml, s3Root } from './xml-writer.ts';

export type LockMode = 'GOVERNANCE' | 'COMPLIANCE';

export interface LockRule {
  mode: LockMode;
  days?: number;
  years?: number;
}

/** Once it is there it stays: object lock is never turned off. */
export interface ObjectLockConfiguration {
  rule?: LockRule | undefined;
}

/** AWS's limits. */
const MAX_DAYS = 36_500;
const MAX_YEARS = 100;

export function parseObjectLock(body: Uint8Array): ObjectLockConfiguration {
  const root = parseXml(body, 'ObjectLockConfiguration');
  if (findText(root, 'ObjectLockEnabled') !== 'Enabled') {
    throw malformedXml('ObjectLockEnabled has to be Enabled');
  }
  const [rule] = childrenOf(root, 'Rule');
  return rule === undefined ? {} : { rule: parseRule(rule) };
}

function parseRule(node: XmlNode): LockRule {
  const [retention] = childrenOf(node, 'DefaultRetention');
  if (retention === undefined) throw malformedXml('Rule has no DefaultRetention');
  const mode = parseMode(findText(retention, 'Mode'));
  const days = findText(retention, 'Days');
  const years = findText(retention, 'Years');
  if ((days === undefined) === (years === undefined)) {
    throw malformedXml('DefaultRetention takes either Days or Years');
  }
  return days === undefined
    ? { mode, years: parsePeriod(years!, MAX_YEARS) }
    : { mode, days: parsePeriod(days, MAX_DAYS) };
}

function parsePeriod(text: string, limit: number): number {
  const number = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw malformedXml('a period is no number');
  if (number >= 1 && number <= limit) return number;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'object-lock',
    message: `Default retention period must be a positive integer value of at most ${limit}.`,
  });
}

function parseMode(text: string | undefined): LockMode {
  if (text === 'GOVERNANCE' || text === 'COMPLIANCE') return text;
  throw malformedXml('Mode has to be GOVERNANCE or COMPLIANCE');
}

export function renderObjectLock({ rule }: ObjectLockConfiguration): string {
  const period =
    rule === undefined ? [] : [...optional('Days', rule.days), ...optional('Years', rule.years)];
  const rules =
    rule === undefined
      ? []
      : [element('Rule', [element('DefaultRetention', [element('Mode', rule.mode), ...period])])];
  return renderXml(
    s3Root('ObjectLockConfiguration', [element('ObjectLockEnabled', 'Enabled'), ...rules]),
  );
}

export interface RetentionDocument {
  mode: LockMode;
  untilMs: number;
}

/** Undefined for an empty one, which takes a retention away. */
export function parseRetention(body: Uint8Array): RetentionDocument | undefined {
  const root = parseXml(body, 'Retention');
  const mode = findText(root, 'Mode');
  const until = findText(root, 'RetainUntilDate');
  if (mode === undefined && until === undefined) return undefined;
  return { mode: parseMode(mode), untilMs: parseLockTime(until ?? '') };
}

export function parseLockTime(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw malformedXml('RetainUntilDate is no time of ISO 8601');
  return ms;
}

/** To the millisecond, unlike other times: who waits for it must not come too early. */
export function renderLockTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function renderRetention({ mode, untilMs }: RetentionDocument): string {
  return renderXml(
    s3Root('Retention', [
      element('Mode', mode),
      element('RetainUntilDate', renderLockTime(untilMs)),
    ]),
  );
}

export function parseLegalHold(body: Uint8Array): boolean {
  const status = findText(parseXml(body, 'LegalHold'), 'Status');
  if (status === 'ON' || status === 'OFF') return status === 'ON';
  throw malformedXml('Status has to be ON or OFF');
}

export function renderLegalHold(isOn: boolean): string {
  return renderXml(s3Root('LegalHold', [element('Status', isOn ? 'ON' : 'OFF')]));
}
