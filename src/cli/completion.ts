import type { CommandSpec, OptionSpec } from './command.ts';

/** The shells that a script can be made for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What stands for an argument or the value of an option. */
type Kind = 'names' | 'files' | 'directories' | 'anything' | 'nothing';

interface CompletedOption {
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  readonly value: Kind;
  readonly repeatable: boolean;
}

/** One command as a shell sees it. */
interface CompletedCommand {
  /** The first word, and the second where the command is one of a group. */
  readonly words: readonly [first: string, second?: string];
  readonly summary: string;
  readonly argument: Kind;
  readonly options: readonly CompletedOption[];
}

/** The script that lets a shell complete the command line: commands, options, files and the names of extensions. */
export function completionScript(shell: Shell, commands: readonly CommandSpec[]): string {
  return `${scripts[shell](commands.map(completed)).join('\n')}\n`;
}

const scripts: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => readonly string[]>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function completed(spec: CommandSpec): CompletedCommand {
  const [first = '', second] = spec.name.split(' ');
  return {
    words: second === undefined ? [first] : [first, second],
    summary: spec.summary,
    argument: argumentKind(spec.arguments ?? ''),
    options: spec.options.map(completedOption),
  };
}

function argumentKind(notation: string): Kind {
  if (/^[<[]name/.test(notation)) return 'names';
  if (/ref|spec|image|path/.test(notation)) return 'files';
  return notation === '' ? 'nothing' : 'anything';
}

function completedOption({ flags, description, repeatable = false }: OptionSpec): CompletedOption {
  const [, short, long = '', value] = /^(?:(-\w), )?(--[\w-]+)(?: ?(.*))?$/.exec(flags) ?? [];
  return { long, short, description, value: valueKind(value ?? ''), repeatable };
}

function valueKind(notation: string): Kind {
  if (notation === '' || notation.startsWith('[')) return 'nothing';
  if (notation.includes('dir')) return 'directories';
  return notation.includes('file') ? 'files' : 'anything';
}

/** The command that prints the names of this host's extensions, a line each. */
const listNames = "sysext-agent list --no-legend 2>/dev/null | cut -d ' ' -f 1";

/** The first words of all commands, and the second words that some have. */
function groupsOf(commands: readonly CompletedCommand[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, readonly string[]>();
  for (const { words } of commands) {
    const [first, ...rest] = words;
    groups.set(first, [...(groups.get(first) ?? []), ...rest.filter((word) => word !== undefined)]);
  }
  return groups;
}

function bashScript(commands: readonly CompletedCommand[]): readonly string[] {
  const groups = groupsOf(commands);
  const withSecond = [...groups].filter(([, seconds]) => seconds.length > 0);
  return [
    '# Completion of sysext-agent(1) for bash.',
    '_sysext_agent() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words= kind=',
    '  COMPREPLY=()',
    '  # What follows the = of an option is a word of its own.',
    '  if [[ $current == = || $before == = ]]; then',
    '    [[ $current == = ]] || compopt -o default',
    '    return',
    '  fi',
    '  case $COMP_CWORD:$command in',
    `    1:*) words=${quoted([...groups.keys()].join(' '))} ;;`,
    ...withSecond.map(([first, seconds]) => `    2:${first}) words=${quoted(seconds.join(' '))} ;;`),
    '    *)',
    `      case $command in ${withSecond.map(([first]) => first).join(' | ')}) command+=" \${COMP_WORDS[2]}" ;; esac`,
    '      case $command in',
    ...commands.map(bashCase),
    '      esac',
    '      ;;',
    '  esac',
    '  if [[ $kind == names && $current != -* ]]; then',
    `    words=$(${listNames})`,
    '  elif [[ $kind == files && $current != -* ]]; then',
    '    compopt -o default',
    '    return',
    '  fi',
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
    '  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace',
    '}',
    'complete -F _sysext_agent sysext-agent',
  ];
}

function bashCase({ words, argument, options }: CompletedCommand): string {
  const names = options.map(({ long, value }) => (value === 'nothing' ? long : `${long}=`));
  return `        ${quoted(words.join(' '))}) kind=${argument} words=${quoted(names.join(' '))} ;;`;
}

function zshScript(commands: readonly CompletedCommand[]): readonly string[] {
  const groups = groupsOf(commands);
  const alone = commands.filter(({ words: [, second] }) => second === undefined);
  return [
    '#compdef sysext-agent',
    '# Completion of sysext-agent(1) for zsh.',
    '_sysext_agent_names() {',
    `  local -a names=(\${(f)"$(${listNames})"})`,
    '  compadd -a names',
    '}',
    '_sysext-agent() {',
    '  local -a commands=(',
    ...[...groups].map(([first, seconds]) => {
      const summary = alone.find(({ words }) => words[0] === first)?.summary ?? seconds.join(', ');
      return `    ${quoted(`${first}:${summary.replaceAll(':', '\\:')}`)}`;
    }),
    '  )',
    '  if ((CURRENT == 2)); then',
    '    _describe command commands',
    '    return',
    '  fi',
    '  local command=$words[2]',
    ...[...groups]
      .filter(([, seconds]) => seconds.length > 0)
      .flatMap(([first, seconds]) => [
        `  if [[ $command == ${first} ]]; then`,
        `    if ((CURRENT == 3)); then compadd ${seconds.join(' ')}; return; fi`,
        '    command+=" $words[3]"; shift words; ((CURRENT--))',
        '  fi',
      ]),
    '  shift words; ((CURRENT--))',
    '  case $command in',
    ...commands.flatMap(zshCase),
    '  esac',
    '}',
    'if [[ $funcstack[1] == _sysext-agent ]]; then _sysext-agent "$@"; else compdef _sysext-agent sysext-agent; fi',
  ];
}

function zshCase({ words, argument, options }: CompletedCommand): readonly string[] {
  const specs = [...options.flatMap(zshOption), ...zshArgument[argument]];
  return [`    ${quoted(words.join(' '))}) _arguments ${specs.map(quoted).join(' ')} ;;`];
}

const zshArgument: Readonly<Record<Kind, readonly string[]>> = {
  names: ['*:name:_sysext_agent_names'],
  files: ['*:file:_files'],
  directories: ['*:directory:_files -/'],
  anything: ['*: '],
  nothing: [],
};

const zshValue: Readonly<Record<Kind, string>> = {
  names: ':name:_sysext_agent_names',
  files: ':file:_files',
  directories: ':directory:_files -/',
  anything: ':value: ',
  nothing: '',
};

/** What `_arguments` takes: `*--allow=[text]:value: `, the star where it may be given again. */
function zshOption({ long, short, description, value, repeatable }: CompletedOption): readonly string[] {
  const text = description.replaceAll(/[[\]:]/g, (character) => `\\${character}`);
  const star = repeatable ? '*' : '';
  const equals = value === 'nothing' ? '' : '=';
  const names = short === undefined ? [`${long}${equals}`] : [`${long}${equals}`, short];
  return names.map((name) => `${star}${name}[${text}]${zshValue[value]}`);
}

function fishScript(commands: readonly CompletedCommand[]): readonly string[] {
  return [
    '# Completion of sysext-agent(1) for fish.',
    'complete -c sysext-agent -f',
    ...[...groupsOf(commands)].flatMap(([first, seconds]) => {
      const summary = commands.find(({ words }) => words.length === 1 && words[0] === first)?.summary;
      const description = summary === undefined ? '' : ` -d ${fishQuoted(summary)}`;
      const second = `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${seconds.join(' ')}`;
      return [
        `complete -c sysext-agent -n __fish_use_subcommand -a ${first}${description}`,
        ...seconds.map((word) => `complete -c sysext-agent -n ${fishQuoted(second)} -a ${word}`),
      ];
    }),
    ...commands.flatMap(fishLines),
  ];
}

function fishLines({ words, argument, options }: CompletedCommand): readonly string[] {
  const seen = words.map((word) => `__fish_seen_subcommand_from ${word ?? ''}`).join('; and ');
  const start = `complete -c sysext-agent -n ${fishQuoted(seen)}`;
  return [
    ...fishArgument[argument].map((rest) => `${start} ${rest}`),
    ...options.map(({ long, short, description, value }) => {
      const letter = short === undefined ? '' : ` -s ${short.slice(1)}`;
      return `${start} -l ${long.slice(2)}${letter}${fishValue[value]} -d ${fishQuoted(description)}`;
    }),
  ];
}

const fishArgument: Readonly<Record<Kind, readonly string[]>> = {
  names: [`-a ${fishQuoted(`(${listNames})`)}`],
  files: ['-F'],
  directories: ["-a '(__fish_complete_directories)'"],
  anything: [],
  nothing: [],
};

const fishValue: Readonly<Record<Kind, string>> = {
  names: ' -x',
  files: ' -r -F',
  directories: " -x -a '(__fish_complete_directories)'",
  anything: ' -x',
  nothing: '',
};

/** A word as bash and zsh take it literally. */
function quoted(text: string): string {
  return /^[\w=.:/*-]+$/.test(text) && !text.includes('*') ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
