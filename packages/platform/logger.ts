// Owns the log: JSON lines with a constant message and facts as fields.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** Pass an `error` field: it is written with its whole chain of causes. */
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Takes one line with its newline. */
  write: (line: string) => void;
  nowMs: () => number;
  level?: LogLevel;
  fields?: LogFields;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLogger(options: LoggerOptions): Logger {
  const threshold = RANK[options.level ?? 'info'];
  const emit = (level: LogLevel, message: string, fields?: LogFields) => {
    if (RANK[level] < threshold) return;
    const record = { time: new Date(options.nowMs()).toISOString(), level, message };
    options.write(`${JSON.stringify({ ...record, ...options.fields, ...fields }, renderField)}\n`);
  };
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
    child: (fields) => createLogger({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

export const silentLogger: Logger = createLogger({
  write: () => {},
  nowMs: () => 0,
  level: 'error',
});

function renderField(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? renderError(value) : value;
}

/** The chain of causes is bounded, since a cycle is possible. */
const MAX_CAUSES = 8;

function renderError(error: Error): Record<string, unknown> {
  const rendered: Record<string, unknown> = {
    name: error.name,
    message: error.message,
    stack: error.stack,
  };
  const causes: string[] = [];
  let cause = error.cause;
  while (cause !== undefined && causes.length < MAX_CAUSES) {
    causes.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes.length === 0 ? rendered : { ...rendered, causes };
}
