/**
 * Descriptors that programs keep open which go on when we are killed: what the lock stands for must not be overtaken by
 * the next process while one of them is still at work. The lock puts its own here, see lock.ts.
 */
const descriptors = new Set<number>();

/** Lets programs that must not stop half-way keep a descriptor open, until the result is called. */
export function lend(descriptor: number): () => void {
  descriptors.add(descriptor);
  return () => descriptors.delete(descriptor);
}

export function lentDescriptors(): number[] {
  return [...descriptors];
}
