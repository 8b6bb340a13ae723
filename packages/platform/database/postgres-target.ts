// Owns where a PostgreSQL server is: an address that an administrator wrote, made into what its client wants.

import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';

export type PostgresTarget = Readonly<
  Pick<
    ClientConfig,
    'host' | 'port' | 'database' | 'user' | 'password' | 'ssl' | 'application_name'
  >
>;

/** A server that does not answer is one that is gone. */
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * `postgres://user@host:5432/database`, or with a folder of a socket `postgres://user@/database?host=/run/postgresql`.
 * Files that it names, such as `sslrootcert`, are read now. Throws an Error with a sentence.
 */
export function parsePostgresUrl(text: string, password?: string): PostgresTarget {
  if (!/^postgres(?:ql)?:\/\//.test(text)) {
    throw new Error('an address of PostgreSQL begins with postgres://');
  }
  const parsed = parseIntoClientConfig(text);
  const { host, port, database, user, ssl, password: given } = parsed;
  if (!host) throw new Error('an address of PostgreSQL names a host');
  if (!user || !database) throw new Error('an address of PostgreSQL names a user and a database');
  const secret = password ?? given;
  return {
    ...{ host, database, user, application_name: parsed.application_name ?? 'ironbark' },
    ...(port === undefined ? {} : { port }),
    ...(ssl === undefined ? {} : { ssl }),
    ...(secret === undefined ? {} : { password: secret }),
  };
}
