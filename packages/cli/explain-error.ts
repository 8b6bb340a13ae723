// Owns what people are told of anything that was thrown: operating errors with what to do next. What is not known
// here is a bug.

import { isServiceError } from '@ironbark/core/errors.ts';
import { TimeoutError } from '@ironbark/platform/clock.ts';
import { CommandError } from '@ironbark/platform/commands.ts';
import { Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import { Problem } from './problem.ts';

/** What to do about the errors of the system that people meet. */
const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'run this as the user who owns it, or choose another folder with --data-dir',
  EPERM: 'run this as the user who owns it, or choose another folder with --data-dir',
  EROFS: 'choose a folder that can be written with --data-dir',
  ENOSPC: 'free some space, or choose another folder with --data-dir',
  EDQUOT: 'free some of your quota, or choose another folder with --data-dir',
  EMFILE: 'allow more open files: ulimit -n 65536',
};

/** AWS's sentence says what is wrong; this says what to do about it here. */
const EC2_ADVICE: Readonly<Record<string, string>> = {
  InvalidParameterValue: 'what can be chosen: ./ironbark launch --help',
  InsufficientInstanceCapacity: 'terminate instances, or choose a smaller --type',
};

/** Undefined for a bug. */
export function explainError(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof Ec2Error) return explainEc2Error(error);
  if (error instanceof CommandError && error.stderr.includes('No user exists for uid')) {
    const advice = 'ssh needs a user that /etc/passwd knows: add one with useradd, or use another';
    return withCause(new Problem(error.message, [advice]), error);
  }
  if (error instanceof CommandError || error instanceof TimeoutError || isServiceError(error)) {
    return withCause(new Problem(error.message), error);
  }
  return explainSystemError(error);
}

function explainEc2Error(error: Ec2Error): Problem {
  const advice = EC2_ADVICE[error.code];
  const message = `the cloud answered ${error.code}: ${error.message}`;
  return withCause(new Problem(message, advice === undefined ? [] : [advice]), error);
}

/** `fetch` wraps what the system said. */
function explainSystemError(error: unknown): Problem | undefined {
  const own = error instanceof TypeError && error.cause !== undefined ? error.cause : error;
  if (!(own instanceof Error) || !('code' in own) || !('syscall' in own)) return undefined;
  const { code, message } = own as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET') {
    const advice = ['the daemon may have ended just now; see: ./ironbark logs'];
    return withCause(new Problem(`the cloud does not answer: ${message}`, advice), error);
  }
  const advice = SYSTEM_ADVICE[code ?? ''];
  return withCause(new Problem(message, advice === undefined ? [] : [advice]), error);
}

function withCause(problem: Problem, cause: unknown): Problem {
  problem.cause = cause;
  return problem;
}
