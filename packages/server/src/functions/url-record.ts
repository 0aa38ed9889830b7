/** Who may call a URL from a page of another site; the members of AWS's `Cors`. */
export interface UrlCors {
  readonly AllowCredentials?: boolean;
  readonly AllowHeaders?: readonly string[];
  readonly AllowMethods?: readonly string[];
  readonly AllowOrigins?: readonly string[];
  readonly ExposeHeaders?: readonly string[];
  /** Seconds. */
  readonly MaxAge?: number;
}

/** A URL of a function as it is stored, in the function's record. JSON. */
export interface UrlRecord {
  /** 32 lower-case letters and digits, which nobody can guess; never used again. */
  readonly id: string;
  /** The alias that it runs; `$LATEST` where there is none. */
  readonly qualifier?: string;
  readonly authType: 'NONE' | 'AWS_IAM';
  readonly cors?: UrlCors;
  readonly invokeMode: 'BUFFERED' | 'RESPONSE_STREAM';
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}

interface HasUrls {
  readonly urls?: readonly UrlRecord[];
}

/** A function's record without the URL of an alias that is gone. */
export function withoutUrl<T extends HasUrls>(record: T, qualifier: string): T {
  if (record.urls === undefined) return record;
  return { ...record, urls: record.urls.filter((url) => url.qualifier !== qualifier) };
}
