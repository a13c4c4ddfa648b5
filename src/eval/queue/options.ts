/** Where jobs are queued and where models, data and results lie. */
export interface QueueOptions {
  /** `redis://` or `rediss://` (TLS), with user, password, port and database number as usual. */
  readonly url: string;
  /** A folder that all machines share, or `s3://bucket/prefix`. */
  readonly store: string;
  /** Password of Redis, where it should not stand in the URL. */
  readonly password?: string;
  /** PEM file of the authority that signed the certificate of Redis. */
  readonly ca?: string;
}

/** Of the side that submits. */
export interface SubmitOptions extends QueueOptions {
  /** Images a job at most; 5,000 when absent. */
  readonly shard?: number;
}

/** Of a worker. */
export interface QueueWorkerOptions extends QueueOptions {
  /** Jobs at a time, a thread each; all cores when absent. */
  readonly threads?: number;
  /** Folder for copies of models and data, on a disk of this machine; in the user's cache when absent. */
  readonly cache?: string;
  /** Bytes that copies may take; 20 GB when absent. */
  readonly cacheBytes?: number;
  /** Milliseconds after which the jobs of a worker that is not heard of go to others; 30,000 when absent. */
  readonly lockMs?: number;
  /** Milliseconds without a job after which the worker ends; never when absent. */
  readonly idleMs?: number;
  /** When it aborts, jobs in work are finished and no others are taken. */
  readonly finish?: AbortSignal;
  /** When it aborts, jobs in work are given up; others take them over. */
  readonly signal?: AbortSignal;
  readonly onNote?: (note: string) => void;
}
