// Owns what several gateways of a test share: a PostgreSQL of its own, and an S3-compatible engine, which is a second Walrus.

import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { parsePostgresUrl } from '@ironbark/platform/database/postgres-target.ts';
import { KEYS, REGION, type S3Endpoint, startEndpoint } from '../conformance/s3/endpoint.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

const BUCKET = 'blobs';

export class SharedStores implements AsyncDisposable {
  readonly postgres: PostgresServer;
  readonly engine: S3Endpoint;
  #made = 0;

  private constructor(postgres: PostgresServer, engine: S3Endpoint) {
    this.postgres = postgres;
    this.engine = engine;
  }

  static async start(): Promise<SharedStores> {
    await using undo = new AsyncDisposableStack();
    const postgres = undo.use(await startPostgres());
    const engine = await startEndpoint({ stores: 'local' });
    undo.move();
    return new SharedStores(postgres, engine);
  }

  /** Of a state of its own, in the one bucket. */
  async newSettings(): Promise<SharedSettings> {
    this.#made += 1;
    const url = await this.postgres.createDatabase(`stores${this.#made}`);
    return sharedSettings(url, this.engine.url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    await this.postgres[Symbol.asyncDispose]();
  }
}

export function sharedSettings(databaseUrl: string, endpoint: string): SharedSettings {
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  return {
    database: parsePostgresUrl(databaseUrl),
    engine: { endpoint, bucket: BUCKET, region: REGION, accessKeyId, secretAccessKey },
  };
}
