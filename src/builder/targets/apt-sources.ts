import { aptBoolean } from './apt-settings.ts';

/** An entry of apt's sources for binary packages, in either format of sources.list(5). */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Absolute paths of key files; empty where apt's own trusted keys count, or a fingerprint is given. */
  readonly signedBy: readonly string[];
  /** Whether the entry carries its key in itself. */
  readonly inlineKey: boolean;
  readonly checkValidUntil?: boolean;
  readonly checkDate?: boolean;
}

/** Reads the one-line format: `deb [option=value ...] uri suite component...`. Lines that are none are passed over. */
export function parseSourcesList(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line) => {
    const [, options = '', uri, suite, components] =
      /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)(.*)$/.exec(line.replace(/#.*$/, '')) ?? [];
    if (uri === undefined || suite === undefined) return [];
    const place = { uris: [uri], suites: [suite], components: words(components) };
    return [{ ...place, ...settingsOf(fieldsOf(words(options).map((option) => option.split('=', 2)))) }];
  });
}

/** Reads the deb822 format: paragraphs of fields, of which those with `Enabled: no` do not count. */
export function parseDeb822Sources(text: string): readonly AptSource[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const paragraphs = lines.join('\n').split(/\n(?:[ \t]*\n)+/);
  return paragraphs.map(parseParagraph).flatMap((fields) => {
    const enabled = aptBoolean(fields.get('enabled')) ?? true;
    if (!enabled || !words(fields.get('types')).includes('deb')) return [];
    const place = {
      uris: words(fields.get('uris')),
      suites: words(fields.get('suites')),
      components: words(fields.get('components')),
    };
    return [{ ...place, ...settingsOf(fields) }];
  });
}

type AptFields = ReadonlyMap<string, string>;

function parseParagraph(paragraph: string): AptFields {
  const unfolded = paragraph.trim().replace(/\n[ \t]+/g, ' ');
  return fieldsOf(unfolded.split('\n').map((line) => [line.split(':', 1)[0] ?? '', line.replace(/^[^:]*:/, '')]));
}

/** Names of fields and options count in any case. */
function fieldsOf(pairs: readonly (readonly string[])[]): AptFields {
  return new Map(pairs.map(([name = '', value = '']) => [name.trim().toLowerCase(), value.trim()]));
}

function settingsOf(fields: AptFields): Omit<AptSource, 'uris' | 'suites' | 'components'> {
  const signedBy = fields.get('signed-by') ?? '';
  const checkValidUntil = aptBoolean(fields.get('check-valid-until'));
  const checkDate = aptBoolean(fields.get('check-date'));
  return {
    signedBy: signedBy.split(/[\s,]+/).filter((path) => path.startsWith('/')),
    inlineKey: signedBy.includes('-----BEGIN'),
    ...(checkValidUntil === undefined ? {} : { checkValidUntil }),
    ...(checkDate === undefined ? {} : { checkDate }),
  };
}

function words(text = ''): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
