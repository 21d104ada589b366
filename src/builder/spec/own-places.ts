import { checked, entriesOf, located, mapped, string, type Decoder } from '../../core/yaml/decoder.ts';
import { quote } from '../../core/yaml/text.ts';
import type { ArtifactPlace } from './artifacts.ts';

/** The places of `x-sysext.files`: paths of the build, and where each goes. */
export const ownPlaces: Decoder<readonly ArtifactPlace[]> = mapped(
  entriesOf(located(checked(string, placeProblem))),
  (entries) => entries.map(({ key, value }) => ({ path: key, to: value })),
);

/** Only what is below these is merged (systemd-sysext(8)), and no one else may say what an extension is. */
function placeProblem(place: string): string | undefined {
  const parts = place.split('/');
  if (!/^\/(usr|opt)\/[^/]/.test(place)) return `${quote(place)} is not below /usr or /opt, and no extension has it`;
  if (parts.includes('..') || parts.includes('.')) return `${quote(place)} must be written without . and ..`;
  return undefined;
}
