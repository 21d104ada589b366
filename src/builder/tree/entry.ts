export type { ArchiveEntry, Content } from '../../core/tree.ts';
