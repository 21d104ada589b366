import type { DownloadOptions, WantedFile } from '../../host/http.ts';

/** A directory of files with a list of them, on a web server or on this host. */
export interface ListedDirectory {
  /** As `Publisher.place`. */
  readonly place: string;
  /** The whole name of a file in it, for messages and the record. */
  nameOf(file: string): string;
  /**
   * A small file of it as a whole; undefined where it has none of that name.
   * @param maxSize in bytes.
   */
  read(file: string, maxSize: number, signal?: AbortSignal): Promise<Buffer | undefined>;
  /** Fetches a file as `Http.download` does. */
  fetch(file: string, wanted: WantedFile, options?: DownloadOptions): Promise<void>;
}
