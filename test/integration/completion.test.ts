import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCommand } from '../lab/command.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { extensionImage } from './support/images.ts';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');
let tree: ReturnType<typeof temporaryDirectory>;

/** A system with two extensions, and a `sysext-agent` in the path that works on it. */
beforeAll(async () => {
  tree = temporaryDirectory();
  put('etc/os-release', 'ID=scratch\n');
  for (const name of ['jq', 'jless']) put(`var/lib/extensions/${name}.raw`, extensionImage(name, '1'));
  put('bin/sysext-agent', `#!/bin/sh\nexec ${program} "$@" --root=${tree.path}\n`);
  chmodSync(tree.at('bin/sysext-agent'), 0o755);
  put('work/spec.yml', '');
  for (const [shell, path] of [
    ['bash', 'completion.bash'],
    ['zsh', 'functions/_sysext-agent'],
    ['fish', 'completion.fish'],
  ] as const) {
    const { exitCode, stdout } = await runCommand([program], ['completion', shell]);
    expect(exitCode).toBe(0);
    put(path, stdout);
  }
});

afterAll(() => {
  tree[Symbol.dispose]();
});

function put(path: string, content: string | Buffer): void {
  mkdirSync(dirname(tree.at(path)), { recursive: true });
  writeFileSync(tree.at(path), content);
}

/** What a shell offers at the end of a command line: words, without what the shell says of them. */
type Complete = (line: string) => Promise<readonly string[]>;

async function offered(argv: readonly string[]): Promise<readonly string[]> {
  const env = { PATH: `${tree.at('bin')}:${process.env['PATH']}`, HOME: tree.path, TERM: 'dumb' };
  const { exitCode, stdout, stderr } = await runCommand(['env', `--chdir=${tree.at('work')}`], argv, { env });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const words = stdout.split('\n').map((line) => line.replace(/\t.*/, '').trim());
  return words.filter((word) => word !== '').sort();
}

/** Calls the function as Readline does: a word of its own for each `=`, and file names where it asks for the default. */
const bash: Complete = (line) => {
  const script = `compopt() { [[ "$*" != '-o default' ]] || compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"; }
    source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sysext_agent; printf '%s\n' "\${COMPREPLY[@]}"`;
  return offered(['bash', '-euc', script, tree.at('completion.bash'), ...line.split(/ |(?==)|(?<==)/)]);
};

/** In an interactive zsh: prints, at Tab, whatever is added as a match. */
const zshSettings = `
  stty -echo columns 500; PROMPT= RPROMPT= PROMPT_EOL_MARK=
  fpath=($PLACE $fpath); autoload -Uz compinit; compinit -D -u
  compadd() {
    if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
    local -a matches; builtin compadd -O matches "$@"; print; print -rl -- '>'$^matches
  }
  zle -C tell complete-word tell; tell() { _main_complete; print; print DONE }; bindkey '^I' tell
  print READY`;

const zsh: Complete = async (line) => {
  put('zshrc', zshSettings);
  const script = `zmodload zsh/zpty; zpty shell "PLACE=$1 zsh -f -i"
    zpty -w shell "source $2"; zpty -r -m shell ready '*READY*'
    zpty -w -n shell "$3"$'\t'; zpty -r -m shell told '*DONE*'; zpty -d shell
    print -r -- "$told"`;
  const lines = await offered(['zsh', '-fc', script, 'zsh', tree.at('functions'), tree.at('zshrc'), line]);
  return [...new Set(lines)].filter((text) => /^>./.test(text)).map((text) => text.slice(1));
};

const fish: Complete = (line) => {
  const script = 'source $argv[1]; complete --do-complete $argv[2]';
  return offered(['fish', '--no-config', '-c', script, tree.at('completion.fish'), line]);
};

describe.each([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
])('%s completes', (_, complete) => {
  test.each([
    ['commands', 'sysext-agent inst', ['install']],
    ['commands of a group', 'sysext-agent config c', ['cat', 'check']],
    ['names of extensions', 'sysext-agent remove j', ['jless', 'jq']],
    ['files', 'sysext-agent build sp', ['spec.yml']],
  ])('%s', async (_what, line, expected) => {
    expect(await complete(line)).toEqual(expected);
  });

  test('options', async () => {
    const words = await complete('sysext-agent status --no-');

    expect(words).toEqual(['--no-legend', '--no-pager']);
  });
});
