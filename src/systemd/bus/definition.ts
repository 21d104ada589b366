/** An argument: its name and its type. */
export type Argument = readonly [name: string, signature: string];

export interface MethodDefinition {
  readonly takes: readonly Argument[];
  readonly gives: readonly Argument[];
}

/** An interface as others see it. Properties can only be read. */
export interface InterfaceDefinition {
  readonly name: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
  /** Types by names. */
  readonly properties: Readonly<Record<string, string>>;
  readonly signals: Readonly<Record<string, readonly Argument[]>>;
}

export function signatureOf(parts: readonly Argument[]): string {
  return parts.map(([, signature]) => signature).join('');
}
