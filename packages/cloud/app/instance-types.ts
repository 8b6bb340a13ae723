// Owns the catalogue of instance types: names and sizes are AWS's
// (https://docs.aws.amazon.com/ec2/latest/instancetypes/gp.html and its siblings co.html, mo.html).

export interface InstanceType {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly burstable: boolean;
  readonly currentGeneration: boolean;
  /** Network interfaces. */
  readonly maxInterfaces: number;
}

interface Family {
  readonly family: string;
  readonly burstable?: true;
  readonly previousGeneration?: true;
  /** Size: virtual processors and GiB of memory. */
  readonly sizes: Readonly<Record<string, readonly [vcpus: number, memoryGib: number]>>;
}

/** Sizes that most families share: virtual processors, with so many GiB of memory for each. */
function sizes(gibPerCpu: number, ...names: (keyof typeof CPUS)[]): Family['sizes'] {
  return Object.fromEntries(names.map((name) => [name, [CPUS[name], CPUS[name] * gibPerCpu]]));
}

const CPUS = {
  large: 2,
  xlarge: 4,
  '2xlarge': 8,
  '4xlarge': 16,
  '8xlarge': 32,
  '9xlarge': 36,
  '10xlarge': 40,
  '12xlarge': 48,
  '16xlarge': 64,
  '18xlarge': 72,
  '24xlarge': 96,
  '32xlarge': 128,
  '48xlarge': 192,
} as const;

const T3_SIZES = {
  nano: [2, 0.5],
  micro: [2, 1],
  small: [2, 2],
  medium: [2, 4],
  large: [2, 8],
  xlarge: [4, 16],
  '2xlarge': [8, 32],
} as const;

const TO_4 = ['large', 'xlarge', '2xlarge', '4xlarge'] as const;
const TO_24 = [...TO_4, '8xlarge', '12xlarge', '16xlarge', '24xlarge'] as const;
const TO_32 = [...TO_24, '32xlarge'] as const;
const TO_48 = [...TO_32, '48xlarge'] as const;
/** Intel's seventh generation has no 32xlarge. */
const TO_48_INTEL = [...TO_24, '48xlarge'] as const;

/** Of the generations of the paper's time and after: the newest come last. */
const FAMILIES: readonly Family[] = [
  { family: 't1', previousGeneration: true, sizes: { micro: [1, 627 / 1024] } },
  {
    family: 'm1',
    previousGeneration: true,
    sizes: { small: [1, 1.7], medium: [1, 3.7], large: [2, 7.5], xlarge: [4, 15] },
  },
  {
    family: 'm2',
    previousGeneration: true,
    sizes: { xlarge: [2, 17.1], '2xlarge': [4, 34.2], '4xlarge': [8, 68.4] },
  },
  { family: 'c1', previousGeneration: true, sizes: { medium: [2, 1.7], xlarge: [8, 7] } },
  { family: 'cc2', previousGeneration: true, sizes: { '8xlarge': [32, 60.5] } },
  {
    family: 'm3',
    previousGeneration: true,
    sizes: { medium: [1, 3.75], ...sizes(3.75, 'large', 'xlarge', '2xlarge') },
  },
  { family: 'c3', previousGeneration: true, sizes: sizes(1.875, ...TO_4, '8xlarge') },
  { family: 'r3', previousGeneration: true, sizes: sizes(7.625, ...TO_4, '8xlarge') },
  {
    family: 't2',
    burstable: true,
    sizes: { ...T3_SIZES, nano: [1, 0.5], micro: [1, 1], small: [1, 2] },
  },
  { family: 't3', burstable: true, sizes: T3_SIZES },
  { family: 't3a', burstable: true, sizes: T3_SIZES },
  { family: 'm4', sizes: sizes(4, ...TO_4, '10xlarge', '16xlarge') },
  { family: 'm5', sizes: sizes(4, ...TO_24) },
  { family: 'm5a', sizes: sizes(4, ...TO_24) },
  { family: 'm6i', sizes: sizes(4, ...TO_32) },
  { family: 'm6a', sizes: sizes(4, ...TO_48) },
  { family: 'm7i', sizes: sizes(4, ...TO_48_INTEL) },
  { family: 'm7a', sizes: { medium: [1, 4], ...sizes(4, ...TO_48) } },
  { family: 'c4', sizes: { ...sizes(1.875, ...TO_4), '8xlarge': [36, 60] } },
  { family: 'c5', sizes: sizes(2, ...TO_4, '9xlarge', '12xlarge', '18xlarge', '24xlarge') },
  { family: 'c5a', sizes: sizes(2, ...TO_24) },
  { family: 'c6i', sizes: sizes(2, ...TO_32) },
  { family: 'c6a', sizes: sizes(2, ...TO_48) },
  { family: 'c7i', sizes: sizes(2, ...TO_48_INTEL) },
  { family: 'c7a', sizes: { medium: [1, 2], ...sizes(2, ...TO_48) } },
  { family: 'r4', sizes: sizes(7.625, ...TO_4, '8xlarge', '16xlarge') },
  { family: 'r5', sizes: sizes(8, ...TO_24) },
  { family: 'r5a', sizes: sizes(8, ...TO_24) },
  { family: 'r6i', sizes: sizes(8, ...TO_32) },
  { family: 'r6a', sizes: sizes(8, ...TO_48) },
  { family: 'r7i', sizes: sizes(8, ...TO_48_INTEL) },
  { family: 'r7a', sizes: { medium: [1, 8], ...sizes(8, ...TO_48) } },
];

/** EC2 User Guide, "Maximum IP addresses per network interface": these differ from what others of their size have. */
const MAX_INTERFACES: Readonly<Record<string, number>> = {
  ...{ 'm2.xlarge': 4, 'm2.2xlarge': 4, 'm2.4xlarge': 8, 'm3.large': 3, 'm4.large': 2 },
  ...{ 't2.small': 3, 't2.xlarge': 3, 't2.2xlarge': 3, 't3.small': 3, 't3a.small': 2 },
  ...{ 'm4.16xlarge': 8, 'c1.xlarge': 4, 'c4.8xlarge': 8 },
};

function maxInterfaces(size: string, vcpus: number): number {
  if (/^(?:nano|micro|small|medium)$/.test(size)) return /^medium$/.test(size) && vcpus > 1 ? 3 : 2;
  if (size === 'large') return 3;
  if (vcpus <= 8) return 4;
  return vcpus < 64 ? 8 : 15;
}

export const INSTANCE_TYPES: readonly InstanceType[] = FAMILIES.flatMap((family) =>
  Object.entries(family.sizes).map(([size, [vcpus, memoryGib]]) => ({
    name: `${family.family}.${size}`,
    vcpus,
    memoryMib: Math.floor(memoryGib * 1024),
    burstable: family.burstable === true,
    currentGeneration: family.previousGeneration !== true,
    maxInterfaces: MAX_INTERFACES[`${family.family}.${size}`] ?? maxInterfaces(size, vcpus),
  })),
);

const BY_NAME = new Map(INSTANCE_TYPES.map((type) => [type.name, type]));

export function findInstanceType(name: string): InstanceType | undefined {
  return BY_NAME.get(name);
}
