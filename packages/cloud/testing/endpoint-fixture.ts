// Owns a listening endpoint with a small table of actions, for the tests of this folder.

import { ServiceError } from '@ironbark/core/errors.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import type { ActionTable, RequestContext } from '../actions/action.ts';
import { createApiHandler } from '../http/ec2-endpoint.ts';
import { RequestBuckets, type RequestRates } from '../http/request-buckets.ts';

export const REGION = 'ironbark-1';
export const KEY = { accessKeyId: 'AKIATESTTESTTEST', secretAccessKey: 'not-so-secret' };
export const PRINCIPAL: Principal = {
  accountId: '123456789012',
  arn: 'arn:aws:iam::123456789012:root',
  userId: '123456789012',
  isRoot: true,
};

export interface Seen {
  action: string;
  context: RequestContext;
  input: unknown;
}

const EC2: Record<string, (context: RequestContext, input: never) => unknown> = {
  DescribeInstances: () => ({
    Reservations: [
      {
        ReservationId: 'r-1',
        Instances: [
          { InstanceId: 'i-1', LaunchTime: new Date(0), State: { Code: 16, Name: 'running' } },
        ],
      },
    ],
  }),
  RunInstances: (context) => {
    if (context.dryRun)
      throw new ServiceError({
        kind: 'dry-run',
        resource: 'request',
        message: 'Request would have succeeded, but DryRun flag is set.',
      });
    return { ReservationId: 'r-2', OwnerId: context.accountId, Instances: [] };
  },
  RebootInstances: () => undefined,
  StopInstances: () => {
    throw new Error('the secret inside', { cause: new Error('deeper') });
  },
  TerminateInstances: () => ({ TerminatingInstances: [{ Nonsense: 1 }] }),
  StartInstances: () => {
    throw new ServiceError({
      kind: 'not-found',
      resource: 'instance',
      message: "The instance ID 'i-2' does not exist",
    });
  },
};

const STS: typeof EC2 = {
  GetCallerIdentity: ({ principal }) => ({
    UserId: principal.userId,
    Account: principal.accountId,
    Arn: principal.arn,
  }),
};

function actionTable(actions: typeof EC2, seen: Seen[]): ActionTable {
  return {
    has: (action) => Object.hasOwn(actions, action),
    names: () => Object.keys(actions),
    call: async (action, context, input) => {
      seen.push({ action, context, input });
      return actions[action]!(context, input as never);
    },
  };
}

export interface TestEndpoint extends AsyncDisposable {
  url: string;
  port: number;
  /** The calls that reached an action, and the lines of the log. */
  seen: Seen[];
  logged: { level: string; message: string }[];
}

export async function startEndpoint(rates?: RequestRates): Promise<TestEndpoint> {
  const seen: Seen[] = [];
  const logged: TestEndpoint['logged'] = [];
  const logger = createLogger({ nowMs: () => 0, write: (line) => logged.push(JSON.parse(line)) });
  const handler = createApiHandler({
    ec2: actionTable(EC2, seen),
    sts: actionTable(STS, seen),
    iam: actionTable({}, seen),
    identity: {
      findAccessKey: async (id) =>
        id === KEY.accessKeyId ? { ...KEY, principal: PRINCIPAL } : undefined,
    },
    region: REGION,
    clock: systemClock,
    random: seededRandom(1),
    logger,
    ...(rates === undefined ? {} : { buckets: new RequestBuckets({ clock: systemClock, rates }) }),
  });
  const listener = await listen({ address: { host: '127.0.0.1', port: 0 }, handler, logger });
  const { port } = listener;
  const url = `http://127.0.0.1:${port}`;
  return { url, port, seen, logged, [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose]() };
}

export interface SignedRequest {
  body?: string;
  target?: string;
  method?: string;
  contentType?: string;
  /** What goes out instead of the body that was signed. */
  sentBody?: string;
}

export function signedHeaders(url: URL, method: string, body: string, contentType?: string) {
  return signRequest({
    method,
    url,
    headers: contentType === undefined ? {} : { 'content-type': contentType },
    body,
    service: 'ec2',
    region: REGION,
    ...KEY,
    nowMs: systemClock.nowMs(),
  });
}

export async function sendSigned(endpoint: TestEndpoint, request: SignedRequest) {
  const { body = '', target = '/', method = 'POST' } = request;
  const { contentType = 'application/x-www-form-urlencoded', sentBody = body } = request;
  const url = new URL(target, endpoint.url);
  const headers = signedHeaders(url, method, body, contentType);
  const init = method === 'GET' ? { method, headers } : { method, headers, body: sentBody };
  const response = await fetch(url, init);
  const text = await response.text();
  const code = /<Code>(.*?)<\/Code>/.exec(text)?.[1];
  return { status: response.status, text, code, headers: response.headers };
}
