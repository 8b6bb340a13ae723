// Owns what may stand in policies of IAM: those of users, groups and roles, and those that say who may take a role.
// Source: IAM User Guide, "Grammar of the IAM JSON policy language", "IAM and AWS STS quotas".

import {
  checkPrincipalName,
  type Dialect,
  malformed,
  type PolicyDocument,
  parsePolicy,
} from './document.ts';

/** Characters that are not white space. */
export const POLICY_LIMITS = {
  managed: 6_144,
  user: 2_048,
  group: 5_120,
  role: 10_240,
  trust: 2_048,
  session: 2_048,
} as const;

/** White space is not counted by the quotas: this is what IAM's API takes of any document. */
const MAX_CHARACTERS = 131_072;

const ACTION = /^(?:\*|[a-z0-9*?-]{1,64}:[A-Za-z0-9*?]{1,128})$/i;
const RESOURCE = /^(?:\*|arn:[^:\s]{1,64}:[^:\s]{1,64}:[^:\s]{0,64}:[^:\s]{0,64}:\S{1,1600})$/;
const KEY = /^[a-z0-9-]{1,64}:[^\s]{1,256}$/i;

const IDENTITY: Dialect = {
  checkAction,
  checkResource: (arn) => {
    if (RESOURCE.test(arn.replace(/\$\{[^}]{1,256}\}/g, 'x'))) return arn;
    throw malformed(`Resource ${arn.slice(0, 200)} must be in ARN format or "*".`);
  },
  isKnownKey: (key) => KEY.test(key),
};

const UNIQUE_ID = /^(?:AIDA[A-Z0-9]{1,124}|AROA[A-Z0-9]{1,124}(?::[\w+=,.@-]{2,64})?)$/;

const TRUST: Dialect = {
  checkAction: (action) => {
    if (/^(?:\*|sts:[A-Za-z*?]+)$/i.test(action)) return action;
    throw malformed('AssumeRole policy may only specify STS AssumeRole actions.');
  },
  checkPrincipal: (kind, name) => {
    // Of a user, a role, or a session of one.
    if (kind === 'AWS' && UNIQUE_ID.test(name)) return name;
    if (kind === 'AWS') return checkPrincipalName(name);
    if (kind === 'Service' && /^[a-z0-9.-]{1,128}$/.test(name)) return name;
    throw malformed(`Invalid principal in policy: "${kind}":"${name.slice(0, 128)}"`);
  },
  isKnownKey: (key) => KEY.test(key),
};

function checkAction(action: string): string {
  if (ACTION.test(action)) return action;
  throw malformed('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.');
}

/** Of a user, a group or a role, and of one session. */
export function parseIdentityPolicy(text: string): PolicyDocument {
  checkLength(text);
  checkSids(text);
  return parsePolicy(text, IDENTITY);
}

/** Who may take a role. */
export function parseTrustPolicy(text: string): PolicyDocument {
  checkLength(text);
  checkSids(text);
  return parsePolicy(text, TRUST);
}

export function countCharacters(policy: string): number {
  return policy.replace(/\s/g, '').length;
}

function checkLength(text: string): void {
  if (text.length <= MAX_CHARACTERS) return;
  throw malformed(`A policy has at most ${MAX_CHARACTERS} characters, white space included.`);
}

function checkSids(text: string): void {
  const sids = new Set<string>();
  for (const [, sid = ''] of text.matchAll(/"Sid"\s*:\s*"([^"]*)"/g)) {
    if (sid === '') continue;
    if (!/^[0-9A-Za-z]{1,256}$/.test(sid)) {
      throw malformed(
        'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
      );
    }
    if (sids.has(sid)) throw malformed('Statement IDs (SID) in a single policy must be unique.');
    sids.add(sid);
  }
}
