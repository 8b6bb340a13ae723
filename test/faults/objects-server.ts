// Owns a Walrus in a process of its own, as `test/support/objects-process.ts` starts it: `node objects-server.ts <folder>
// [<bytes of a file of the log>]` prints its URL.

import { startEndpoint } from '../conformance/s3/endpoint.ts';

const [dataDir, logFileBytes] = process.argv.slice(2);
const size = logFileBytes === undefined ? {} : { logFileBytes: Number(logFileBytes) };
const endpoint = await startEndpoint({ dataDir: dataDir!, ...size });
process.stdout.write(`${endpoint.url}\n`);
