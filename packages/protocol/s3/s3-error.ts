// Owns the form of an S3 error: the code that clients compare, and the status that goes with it.

export interface S3Error {
  code: string;
  status: number;
}
