// Owns which Debian packages a build takes: reading apt's records and following dependencies. Pure.

export interface DebianPackage {
  name: string;
  version: string;
  architecture: string;
  sizeBytes: number;
  sha256: string;
  /** One name for each dependency; of alternatives the first. */
  depends: string[];
}

/** Reads what `apt-cache show` prints; the first record of a name wins. */
export function parsePackageRecords(text: string): DebianPackage[] {
  const packages = new Map<string, DebianPackage>();
  for (const paragraph of text.split(/\n\n+/)) {
    const fields = parseFields(paragraph);
    const name = fields.get('Package');
    if (name === undefined || packages.has(name)) continue;
    packages.set(name, {
      name,
      version: fields.get('Version') ?? '',
      architecture: fields.get('Architecture') ?? '',
      sizeBytes: Number(fields.get('Size') ?? 0),
      sha256: fields.get('SHA256') ?? '',
      depends: ['Pre-Depends', 'Depends'].flatMap((key) => parseDepends(fields.get(key) ?? '')),
    });
  }
  return [...packages.values()];
}

function parseFields(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of paragraph.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !/^\s/.test(line))
      fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

function parseDepends(text: string): string[] {
  return text
    .split(',')
    .map((clause) =>
      clause
        .split('|')[0]!
        .replace(/\(.*\)|\[.*\]|:\w+/g, '')
        .trim(),
    )
    .filter((name) => name !== '');
}

export type LookUpPackages = (names: readonly string[]) => Promise<DebianPackage[]>;

export interface ResolveOptions {
  roots: readonly string[];
  /** Dependencies that the image does without: installers' machinery, engines that are cut off. */
  skip: (name: string) => boolean;
  lookUp: LookUpPackages;
}

/** Longer chains than this do not exist in Debian; a look-up that goes on for ever is a bug. */
const MAX_DEPTH = 32;

/** The packages in order of name. Throws for a root that apt does not know. */
export async function resolvePackages(options: ResolveOptions): Promise<DebianPackage[]> {
  const found = new Map<string, DebianPackage>();
  let wanted = [...options.roots];
  for (let depth = 0; wanted.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new Error('dependencies of Debian packages do not end');
    const level = await options.lookUp(wanted);
    for (const record of level) found.set(record.name, record);
    const missing = wanted.filter((name) => !found.has(name));
    if (missing.length > 0) throw new MissingPackagesError(missing);
    const next = level.flatMap((record) => record.depends);
    wanted = [...new Set(next)].filter((name) => !found.has(name) && !options.skip(name));
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export class MissingPackagesError extends Error {
  readonly packages: readonly string[];

  constructor(packages: readonly string[]) {
    super(`apt knows no package ${packages.join(', ')}`);
    this.name = 'MissingPackagesError';
    this.packages = packages;
  }
}
