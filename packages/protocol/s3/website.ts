// Owns websites of buckets: their XML, and which redirection of it a request or an error meets.
// Source: AWS, "Hosting a static website using Amazon S3", "(Optional) Configuring a webpage redirect".

import { ServiceError } from '@ironbark/core/errors.ts';
import { childrenOf, findText, malformedXml, parseXml, type XmlNode } from './xml-reader.ts';
import { element, optional, renderXml, s3Root, type XmlElement } from './xml-writer.ts';

export interface WebsiteRedirect {
  protocol?: string | undefined;
  hostName?: string | undefined;
  /** Of the key, what the condition's prefix was; or the whole of it. */
  replaceKeyPrefixWith?: string | undefined;
  replaceKeyWith?: string | undefined;
  status?: number | undefined;
}

export interface RoutingRule {
  keyPrefix?: string | undefined;
  /** What would be answered otherwise; absent: whatever would be. */
  errorStatus?: number | undefined;
  redirect: WebsiteRedirect;
}

export interface Website {
  /** Everything goes there. */
  redirectAll?: { hostName: string; protocol?: string | undefined } | undefined;
  indexSuffix?: string | undefined;
  errorKey?: string | undefined;
  rules: readonly RoutingRule[];
}

/** AWS's limits. */
const MAX_RULES = 50;
const MAX_NAME = 1_024;
const STATUS = /^(?:3\d\d|4\d\d|5\d\d)$/;

export function parseWebsite(body: Uint8Array): Website {
  const root = parseXml(body, 'WebsiteConfiguration');
  const [all] = childrenOf(root, 'RedirectAllRequestsTo');
  const [index] = childrenOf(root, 'IndexDocument');
  if (all !== undefined) {
    if (index !== undefined) throw malformedXml('RedirectAllRequestsTo stands alone');
    return { redirectAll: parseRedirectAll(all), rules: [] };
  }
  if (index === undefined) throw badSite('A value for IndexDocument Suffix must be provided');
  const indexSuffix = findText(index, 'Suffix') ?? '';
  if (indexSuffix === '' || indexSuffix.includes('/') || indexSuffix.length > MAX_NAME) {
    throw badSite('The IndexDocument Suffix is not well formed');
  }
  const [error] = childrenOf(root, 'ErrorDocument');
  const errorKey = error && (findText(error, 'Key') ?? '');
  if (errorKey === '') throw badSite('The ErrorDocument Key is not well formed');
  const [list] = childrenOf(root, 'RoutingRules');
  const nodes = list === undefined ? [] : childrenOf(list, 'RoutingRule');
  if (nodes.length > MAX_RULES) throw badSite(`There may be ${MAX_RULES} routing rules at most`);
  return { indexSuffix, errorKey, rules: nodes.map(parseRule) };
}

function parseRedirectAll(node: XmlNode): NonNullable<Website['redirectAll']> {
  const hostName = parseHost(findText(node, 'HostName'));
  if (hostName === undefined) throw malformedXml('RedirectAllRequestsTo needs HostName');
  return { hostName, protocol: parseProtocol(findText(node, 'Protocol')) };
}

function parseRule(node: XmlNode): RoutingRule {
  const [condition] = childrenOf(node, 'Condition');
  const [redirect] = childrenOf(node, 'Redirect');
  if (redirect === undefined) throw malformedXml('a RoutingRule needs Redirect');
  const keyPrefix = condition && findText(condition, 'KeyPrefixEquals');
  const errorStatus = condition && parseStatus(findText(condition, 'HttpErrorCodeReturnedEquals'));
  if (condition !== undefined && keyPrefix === undefined && errorStatus === undefined) {
    throw badSite(
      'Condition cannot be empty. To redirect all requests without a condition, the condition element should not be present.',
    );
  }
  return { keyPrefix, errorStatus, redirect: parseRedirect(redirect) };
}

function parseRedirect(node: XmlNode): WebsiteRedirect {
  const redirect = {
    protocol: parseProtocol(findText(node, 'Protocol')),
    hostName: parseHost(findText(node, 'HostName')),
    replaceKeyPrefixWith: findText(node, 'ReplaceKeyPrefixWith'),
    replaceKeyWith: findText(node, 'ReplaceKeyWith'),
    status: parseStatus(findText(node, 'HttpRedirectCode')),
  };
  if (redirect.replaceKeyPrefixWith !== undefined && redirect.replaceKeyWith !== undefined) {
    throw badSite('You can only define ReplaceKeyPrefix or ReplaceKey but not both.');
  }
  if (Object.values(redirect).every((value) => value === undefined)) {
    throw malformedXml('a Redirect says nothing');
  }
  if (redirect.status !== undefined && redirect.status >= 400) {
    throw badSite('The provided HTTP redirect code is not valid. Valid codes are 3XX except 300.');
  }
  return redirect;
}

function parseProtocol(text: string | undefined): string | undefined {
  if (text === undefined || text === 'http' || text === 'https') return text;
  throw badSite(
    'Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.',
  );
}

function parseHost(text: string | undefined): string | undefined {
  if (text === undefined || /^[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/.test(text)) return text;
  throw badSite('The HostName is not well formed');
}

function parseStatus(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (STATUS.test(text) && text !== '300') return Number(text);
  throw badSite('The provided HTTP code is not valid.');
}

export function renderWebsite(site: Website): string {
  const { redirectAll: all, indexSuffix, errorKey, rules } = site;
  const parts: XmlElement[] = [];
  if (all !== undefined) {
    const inner = [element('HostName', all.hostName), ...optional('Protocol', all.protocol)];
    parts.push(element('RedirectAllRequestsTo', inner));
  }
  if (indexSuffix !== undefined) {
    parts.push(element('IndexDocument', [element('Suffix', indexSuffix)]));
  }
  if (errorKey !== undefined) parts.push(element('ErrorDocument', [element('Key', errorKey)]));
  if (rules.length > 0) parts.push(element('RoutingRules', rules.map(renderRule)));
  return renderXml(s3Root('WebsiteConfiguration', parts));
}

function renderRule({ keyPrefix, errorStatus, redirect }: RoutingRule): XmlElement {
  const condition = [
    ...optional('KeyPrefixEquals', keyPrefix),
    ...optional('HttpErrorCodeReturnedEquals', errorStatus),
  ];
  return element('RoutingRule', [
    ...(condition.length === 0 ? [] : [element('Condition', condition)]),
    element('Redirect', [
      ...optional('Protocol', redirect.protocol),
      ...optional('HostName', redirect.hostName),
      ...optional('ReplaceKeyPrefixWith', redirect.replaceKeyPrefixWith),
      ...optional('ReplaceKeyWith', redirect.replaceKeyWith),
      ...optional('HttpRedirectCode', redirect.status),
    ]),
  ]);
}

export interface RedirectQuestion {
  key: string;
  /** Of the error that would be answered; undefined before anything was looked for. */
  errorStatus: number | undefined;
}

/** The first rule that fits. */
export function findRule(site: Website, question: RedirectQuestion): RoutingRule | undefined {
  return site.rules.find(
    ({ keyPrefix = '', errorStatus }) =>
      errorStatus === question.errorStatus && question.key.startsWith(keyPrefix),
  );
}

/** `here`: the host that was asked, for what names none. */
export function redirectionOf(
  { keyPrefix = '', redirect }: RoutingRule,
  key: string,
  here: string,
): { status: number; location: string } {
  const { protocol, hostName, replaceKeyPrefixWith, replaceKeyWith, status = 301 } = redirect;
  const replaced =
    replaceKeyPrefixWith === undefined ? key : replaceKeyPrefixWith + key.slice(keyPrefix.length);
  const target = replaceKeyWith ?? replaced;
  return { status, location: locationOf(protocol, hostName ?? here, target) };
}

export function locationOf(protocol: string | undefined, host: string, key: string): string {
  return `${protocol ?? 'http'}://${host}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

function badSite(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-parameter', resource: 'request', message });
}
