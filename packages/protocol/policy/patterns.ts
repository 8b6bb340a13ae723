// Owns the wildcards of policies: * for any text, ? for one character, in time linear in both.

/** Before a character that stands for itself: what a variable stood for is no wildcard. */
const LITERAL = '\u0000';

/** A text as a pattern that matches this text alone. */
export function quotePattern(text: string): string {
  return text.replace(/[*?]/g, `${LITERAL}$&`);
}

/** Case-sensitive. */
export function matchesPattern(pattern: string, text: string): boolean {
  const parts = pattern.includes(LITERAL) ? splitQuoted(pattern) : pattern;
  let at = 0;
  let place = 0;
  let star = -1;
  let retry = 0;
  while (at < text.length) {
    const part = parts[place];
    if (part === '*') {
      star = place++;
      retry = at;
    } else if (part === '?' || part === text[at] || part === LITERAL + text[at]) {
      place += 1;
      at += 1;
    } else if (star >= 0) {
      place = star + 1;
      at = ++retry;
    } else return false;
  }
  while (parts[place] === '*') place += 1;
  return place === parts.length;
}

function splitQuoted(pattern: string): readonly string[] {
  return pattern.match(new RegExp(`${LITERAL}.|[^]`, 'gs')) ?? [];
}

const ARN_PARTS = 6;

/** "Each of the six colon-delimited components of the ARN is checked separately": IAM User Guide. */
export function matchesArn(pattern: string, arn: string): boolean {
  if (pattern === '*') return true;
  const [wanted, given] = [splitArn(pattern), splitArn(arn)];
  return (
    wanted.length === given.length && wanted.every((part, at) => matchesPattern(part, given[at]!))
  );
}

function splitArn(arn: string): string[] {
  const parts = arn.split(':');
  return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(':')];
}
