// Owns the manifest that describes an image in the object store. RegisterImage is given its place as
// ImageLocation (`bucket/path/manifest.json`); the blobs lie in the same bucket.

export interface ManifestBlob {
  /** Key in the manifest's own bucket. */
  key: string;
  sizeBytes: number;
  /** Lower-case hexadecimal SHA-256 of the stored bytes. */
  sha256: string;
  encoding: 'raw' | 'zstd';
  unpackedBytes: number;
}

export interface ImageManifest {
  format: 'ironbark-image/1';
  /** `micro`, `debian-12`, or what the person chose at import. */
  name: string;
  description: string;
  architecture: 'x86_64';
  /** ISO 8601. */
  builtAt: string;
  root: ManifestBlob;
  /** Kernel and initrd for a direct kernel boot; absent: firmware boots the disk. */
  kernel?: ManifestBlob;
  initrd?: ManifestBlob;
  kernelParameters?: string;
  /** Size of an instance's root disk unless asked otherwise; at least `root.unpackedBytes`. */
  rootDiskBytes: number;
  /** What EC2 calls RootDeviceName, such as `/dev/vda`. */
  rootDeviceName: string;
  minMemoryMib: number;
  /** Who a key pair logs in as. */
  loginUser: string;
  /** Debian packages and versions inside, for people and audits. */
  packages: Record<string, string>;
}
