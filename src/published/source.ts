import type { Repository } from './registry/repository.ts';
import type { ListedDirectory } from './web/directory.ts';

/** What a publisher reads: where it is over the network, or what was recorded of it. */
export type PublishedSource =
  | { readonly kind: 'repository'; readonly repository: Repository }
  | { readonly kind: 'directory'; readonly directory: ListedDirectory };
