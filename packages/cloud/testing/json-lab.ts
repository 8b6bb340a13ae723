// Owns a Cloud Controller with the endpoint of the JSON services, for AWS's own clients in tests.

import { systemClock } from '@ironbark/platform/clock.ts';
import { type HttpHandler, listen } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { AuditLog } from '@ironbark/protocol/internal/audit-log.ts';
import type { AuditReader } from '@ironbark/protocol/internal/audit-reader.ts';
import { createJsonHandler } from '../http/json-endpoint.ts';
import { IamLab } from './iam-lab.ts';
import type { TestCloudOptions } from './test-cloud.ts';

const REGION = 'us-east-1';

export class JsonLab implements AsyncDisposable {
  readonly lab: IamLab;
  readonly endpoint: string;
  readonly #stack: AsyncDisposableStack;

  static async start(
    options: TestCloudOptions & { audit?: AuditLog & AuditReader } = {},
  ): Promise<JsonLab> {
    await using stack = new AsyncDisposableStack();
    const lab = stack.use(await IamLab.start(options));
    const { audit } = options;
    const rest = { random: seededRandom(1), logger: silentLogger, clock: systemClock };
    const kept = { ...rest, region: REGION, ...(audit === undefined ? {} : { audit }) };
    // The cloud may be started again meanwhile.
    const handler: HttpHandler = (...exchange) => {
      const { servicequotas, cloudtrail, identity } = lab.cloud.cloud;
      return createJsonHandler({ servicequotas, cloudtrail, identity, ...kept })(...exchange);
    };
    const address = { host: '127.0.0.1', port: 0 };
    const listener = stack.use(await listen({ address, handler, logger: silentLogger }));
    return new JsonLab(lab, listener.port, stack.move());
  }

  private constructor(lab: IamLab, port: number, stack: AsyncDisposableStack) {
    this.lab = lab;
    this.endpoint = `http://127.0.0.1:${port}`;
    this.#stack = stack;
  }

  /** What a client of AWS's needs to speak for the account's root, or for whose key this is. */
  async settings(key?: Partial<Record<'AccessKeyId' | 'SecretAccessKey', string | undefined>>) {
    const root = await this.lab.cloud.cloud.adminKey();
    const credentials = {
      accessKeyId: key?.AccessKeyId ?? root.accessKeyId,
      secretAccessKey: key?.SecretAccessKey ?? root.secretAccessKey,
    };
    return { endpoint: this.endpoint, region: REGION, maxAttempts: 1, credentials };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
