// Owns the choice of a wire code: a table by kind of error, and within a kind by what the error is about.

import {
  type ErrorKind,
  type ErrorResource,
  isServiceError,
  type ServiceError,
} from '@ironbark/core/errors.ts';

export type WireCode = readonly [code: string, status: number];

/** `any` is the code for every resource that the kind does not list. */
export type KindCodes = { readonly any: WireCode } & {
  readonly [Resource in ErrorResource]?: WireCode;
};

/** Exhaustive: a new kind does not compile until it has a code. */
export type ErrorTable = Readonly<Record<ErrorKind, KindCodes>>;

export interface WireError {
  code: string;
  status: number;
  message: string;
}

const INTERNAL_MESSAGE = 'An internal error has occurred. Quote the request id to your operator.';

/** A thrown value that is not a ServiceError is a bug: nothing of it is shown. */
export function chooseWireError(table: ErrorTable, error: unknown): WireError {
  if (!isServiceError(error)) {
    const [code, status] = table.internal.any;
    return { code, status, message: INTERNAL_MESSAGE };
  }
  const [code, status] = findCode(table, error);
  return { code, status, message: error.message };
}

function findCode(table: ErrorTable, error: ServiceError): WireCode {
  const codes = table[error.kind];
  return codes[error.resource] ?? codes.any;
}
