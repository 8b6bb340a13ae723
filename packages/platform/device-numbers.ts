// Owns how a device's number is taken apart, as `stat` gives it.

export interface DeviceNumbers {
  major: number;
  minor: number;
}

/** As glibc packs them (gnu_dev_makedev): twelve and twenty bits where Linux's own are, the rest of each above. */
export function deviceNumbers(dev: number): DeviceNumbers {
  const number = BigInt(dev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
