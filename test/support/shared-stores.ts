// Owns what several gateways of a test share: a PostgreSQL of its own, and an S3-compatible engine, which is a second Walrus.

import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { parsePostgresUrl } from '@ironbark/platform/database/postgres-target.ts';
import { KEYS, REGION, type S3Endpoint, startEndpoint } from '../conformance/s3/endpoint.ts';
import { CephCluster, installCephGateway, type S3Gateway } from './ceph-cluster.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

type Engine = SharedSettings['engine'];

export class SharedStores implements AsyncDisposable {
  readonly postgres: PostgresServer;
  /** Undefined where the engine is Ceph. */
  readonly walrus: S3Endpoint | undefined;
  readonly engine: Engine;
  readonly #owned: AsyncDisposable;
  #made = 0;

  private constructor(
    postgres: PostgresServer,
    { walrus, engine, owned }: { walrus?: S3Endpoint; engine: Engine; owned: AsyncDisposable },
  ) {
    this.postgres = postgres;
    this.walrus = walrus;
    this.engine = engine;
    this.#owned = owned;
  }

  static async start({ isCeph = false } = {}): Promise<SharedStores> {
    await using undo = new AsyncDisposableStack();
    const postgres = undo.use(await startPostgres());
    if (isCeph) {
      await installCephGateway(console.log);
      const ceph = undo.use(await CephCluster.start({ disks: 1 }));
      const engine = cephEngine(await ceph.startGateway());
      return new SharedStores(postgres, { engine, owned: undo.move() });
    }
    const walrus = undo.use(await startEndpoint({ stores: 'local' }));
    const engine = walrusEngine(walrus.url);
    return new SharedStores(postgres, { walrus, engine, owned: undo.move() });
  }

  /** Of a state of its own, in the one bucket. */
  async newSettings(): Promise<SharedSettings> {
    this.#made += 1;
    const url = await this.postgres.createDatabase(`stores${this.#made}`);
    return { database: parsePostgresUrl(url), engine: this.engine };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}

const BUCKET = 'blobs';

/** A second Walrus, as `startEndpoint` starts them. */
export function walrusEngine(endpoint: string): Engine {
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  return { endpoint, bucket: BUCKET, region: REGION, accessKeyId, secretAccessKey };
}

export function cephEngine({ url: endpoint, key }: S3Gateway): Engine {
  return { endpoint, bucket: BUCKET, region: 'us-east-1', ...key };
}
