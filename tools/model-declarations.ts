// Owns what only the SDK's type declarations tell: enum values, and the filter names in the documentation.

export interface Declarations {
  /** Enum name to its values. */
  enums: Map<string, readonly string[]>;
  /** Interface name to member name to what its declaration says. */
  interfaces: Map<string, Map<string, MemberDeclaration>>;
}

export interface MemberDeclaration {
  /** The enum that the member, or the member's list at whatever depth, holds. */
  enumName: string | undefined;
  /** Set for a member called `Filters` whose documentation lists names. */
  filterNames: readonly string[];
}

export function parseDeclarations(texts: readonly string[]): Declarations {
  const enums = new Map<string, readonly string[]>();
  for (const text of texts) for (const [name, values] of parseEnums(text)) enums.set(name, values);
  const interfaces = new Map<string, Map<string, MemberDeclaration>>();
  for (const text of texts) {
    for (const [name, body] of parseInterfaces(text)) {
      interfaces.set(name, parseMembers(body, enums));
    }
  }
  return { enums, interfaces };
}

function parseEnums(text: string): [string, string[]][] {
  const found = text.matchAll(/^export declare const (\w+): \{\n([^}]*)\};/gm);
  return [...found].map(([, name, body]) => {
    const values = [...body!.matchAll(/readonly [^:]+: ("(?:[^"\\]|\\.)*");/g)];
    return [name!, values.map(([, value]) => JSON.parse(value!) as string)];
  });
}

function parseInterfaces(text: string): [string, string][] {
  const found = text.matchAll(/^export interface (\w+)[^{\n]*\{\n(.*?)^\}/gms);
  return [...found].map(([, name, body]) => [name!, body!]);
}

/** A documentation block, then `Name?: Type | undefined;` at an indentation of four. */
const MEMBER = /( {4}\/\*\*(?:(?!\*\/).)*\*\/\n)? {4}(\w+)\??: ([^;]+);/gs;

/** DescribeNatGateways has the one that others call by the plural. */
const FILTERS: ReadonlySet<string> = new Set(['Filters', 'Filter']);

function parseMembers(
  body: string,
  enums: ReadonlyMap<string, unknown>,
): Map<string, MemberDeclaration> {
  const members = new Map<string, MemberDeclaration>();
  for (const [, documentation, name, type] of body.matchAll(MEMBER)) {
    const base = type!.replace(/ \| undefined$/, '').replace(/[[\]()]/g, '');
    const enumName = base.replace(/^_/, '');
    members.set(name!, {
      enumName: enums.has(enumName) ? enumName : undefined,
      filterNames: FILTERS.has(name!) ? parseFilterNames(documentation ?? '') : [],
    });
  }
  return members;
}

/** The documentation lists each filter as `<li> <p> <code>name</code> - meaning`, its values one list deeper. */
function parseFilterNames(documentation: string): string[] {
  const text = documentation.replace(/^\s*\* ?/gm, '');
  const names = new Set<string>();
  let depth = 0;
  for (const [token, name] of text.matchAll(/<ul>|<\/ul>|<li>\s*<p>\s*<code>([^<]*)<\/code>/g)) {
    if (token === '<ul>') depth += 1;
    else if (token === '</ul>') depth -= 1;
    else if (depth === 1 && /^[a-z][a-z0-9.-]*$/i.test(name!)) names.add(name!);
  }
  return [...names].sort();
}
