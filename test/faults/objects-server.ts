// Owns a Walrus in a process of its own, as `test/support/objects-process.ts` starts it: `node objects-server.ts <folder>
// [<bytes of a file of the log>]`, or `<folder> <URL of PostgreSQL> <JSON of an engine>`, prints its URL.

import { parsePostgresUrl } from '@ironbark/platform/database/postgres-target.ts';
import { startEndpoint } from '../conformance/s3/endpoint.ts';

const [dataDir, first, engine] = process.argv.slice(2);
const size = first === undefined || engine !== undefined ? {} : { logFileBytes: Number(first) };
const shared = () => ({ database: parsePostgresUrl(first!), engine: JSON.parse(engine!) });
const stores = engine === undefined ? {} : { shared: shared() };
const endpoint = await startEndpoint({ dataDir: dataDir!, ...size, ...stores });
process.stdout.write(`${endpoint.url}\n`);
