import type { Architecture } from '../../core/architecture.ts';
import type { Compression } from '../../host/unpack.ts';

/** One layer of a container image, as its registry has it. */
export interface ImageLayer {
  /** Of what is sent, in hexadecimal. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
  readonly compression: Compression;
}

/** What a reference stands for on one architecture. */
export interface ContainerImage {
  /** With its registry: `docker.io/library/busybox`. */
  readonly repository: string;
  /** Of its manifest: `sha256:` and hexadecimal digits. */
  readonly digest: string;
  /** Of what the reference names: the index of all architectures, or the manifest where there is none. */
  readonly named: string;
  /** The lowest first. */
  readonly layers: readonly ImageLayer[];
}

/** Where container images come from. The builder knows nothing of registries: the command gives it this. */
export interface ContainerImages {
  /**
   * Asks the registry what a reference stands for now.
   * @param reference as specs write it: `busybox:1.36`, `ghcr.io/NAME@sha256:…`.
   * @throws AgentError `invalid-spec` for what is no reference, `network`, `no-such-file`, `verification-failed`,
   *   `incompatible` where it has nothing for the architecture, `interrupted`
   */
  find(reference: string, architecture: Architecture, signal?: AbortSignal): Promise<ContainerImage>;
  /**
   * Brings a layer to a file, as `Http.download` does.
   * @throws AgentError as `Http.download`
   */
  fetch(image: ContainerImage, layer: ImageLayer, path: string, signal?: AbortSignal): Promise<void>;
}
