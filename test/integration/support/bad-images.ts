import { execFileSync } from 'node:child_process';

import { temporaryDirectory } from '../../support/archives.ts';
import type { Machine } from '../../lab/machine.ts';

/**
 * Images with all that can be wrong with one, each laid out in a root of its own beside the directory extension `good`.
 * The scripts run in the tree of an extension `bad` that fits every system: $r is its directory of release files.
 */

const osRelease = 'echo ID=x >usr/lib/os-release';
const release = (line: string) => `echo '${line}' >$r/extension-release.bad`;
/** Adds a release file that may speak for an image of any name. */
const forAnyName = (name: string) =>
  `echo ID=_any >$r/extension-release.${name}; setfattr -n user.extension-release.strict -v 0 $r/extension-release.${name}`;

/** What is done to the tree, which becomes a directory and an erofs image; and the name of the image, where it is not `bad`. */
const inTree: readonly (readonly [title: string, script: string, name?: string])[] = [
  ['nothing wrong', ':'],
  ['no release file', 'rm $r/*'],
  ['no directory of release files', 'rm -r $r'],
  ['nothing at all', 'rm -r usr'],
  ['an empty release file', ': >$r/extension-release.bad'],
  ['a release file without a field', release('# ID=_any')],
  ['a release file that makes no sense', release('ID _any "')],
  ['a release file with an open quote', release('ID="_any')],
  ['a release file with a line that makes no sense', `${release('ID=_any')}; echo what >>$r/extension-release.bad`],
  ['another system', release('ID=fedora')],
  ['another version', 'printf "ID=debian\\nVERSION_ID=1\\n" >$r/extension-release.bad'],
  ['another architecture', 'echo ARCHITECTURE=s390x >>$r/extension-release.bad'],
  ['another scope', 'echo SYSEXT_SCOPE=initrd >>$r/extension-release.bad'],
  ['no ID', release('VERSION_ID=1')],
  ['an os-release file', osRelease],
  [
    'an os-release link into itself',
    `mkdir etc; echo ID=x >etc/os-release; ln -s ../../etc/os-release usr/lib/os-release`,
  ],
  ['a dangling os-release link', 'ln -s nowhere usr/lib/os-release'],
  ['a directory for os-release', 'mkdir usr/lib/os-release'],
  ['an os-release file where it may be', 'mkdir etc; echo ID=x >etc/os-release'],
  ['a release file for another name', 'mv $r/extension-release.bad $r/extension-release.other'],
  ['one for any name', `rm $r/*; ${forAnyName('a')}`],
  ['two for any name', `rm $r/*; ${forAnyName('a')}; ${forAnyName('b')}`],
  ['its own beside one for any name', forAnyName('a')],
  ['one by its base name', ':', 'bad_1.2'],
  ['one by its base name before a plus', ':', 'bad+3'],
  ['one with the same base name', 'mv $r/extension-release.bad $r/extension-release.bad_1.1', 'bad_1.2'],
  ['in a .raw.v, with a release file for its name', ':', 'bad.raw.v/bad_1'],
  [
    'in a .raw.v, with a release file for its file',
    'mv $r/extension-release.bad $r/extension-release.bad_1',
    'bad.raw.v/bad_1',
  ],
  ['in a .v, with a release file for its name', ':', 'bad.v/bad_1'],
  [
    'in a .v, with a release file for its file',
    'mv $r/extension-release.bad $r/extension-release.bad_1',
    'bad.v/bad_1',
  ],
  ['a link to its release file', 'mv $r/extension-release.bad $r/x; ln -s x $r/extension-release.bad'],
  ['a dangling link for a release file', 'ln -sf nowhere $r/extension-release.bad'],
  ['a directory for a release file', 'rm $r/*; mkdir $r/extension-release.bad'],
  ['a fifo for a release file', 'rm $r/*; mkfifo $r/extension-release.bad'],
];

/** What is written as bad.raw, from the fitting tree with a big file in it: as $e in erofs, $s in squashfs, $x in ext4. */
const inFile: readonly (readonly [title: string, script: string])[] = [
  ['an empty file', ':'],
  ['garbage', 'head -c 100000 /dev/zero | tr "\\0" x'],
  ['zeros', 'head -c 1M /dev/zero'],
  ['a few zeros', 'head -c 100 /dev/zero'],
  ['erofs with bytes after its end', 'cat $e; head -c 4096 /dev/zero'],
  ['erofs cut in the middle', 'head -c 1500000 $e'],
  ['erofs cut after its first block', 'head -c 4096 $e'],
  ['erofs cut in its superblock', 'head -c 1100 $e'],
  ['squashfs', 'cat $s'],
  ['squashfs cut in the middle', 'head -c 1500000 $s'],
  ['squashfs cut in its superblock', 'head -c 50 $s'],
  ['ext4', 'cat $x'],
  ['ext4 cut in the middle', 'head -c 5000000 $x'],
];

const setUp = `
cd "$0"
r=usr/lib/extension-release.d
place() { target="zoo/$1/var/lib/extensions/$2"; mkdir -p "zoo/$1/"{etc,usr,opt,run} "\${target%/*}"; }
fitting() { rm -rf tree; mkdir -p tree/$r tree/usr/share; echo ID=_any >tree/$r/extension-release.$1; touch tree/usr/share/$1; }
{
fitting bad; head -c 3M /dev/urandom >tree/usr/share/big
e=$PWD/e s=$PWD/s x=$PWD/x
mkfs.erofs e tree; mksquashfs tree s -quiet -no-progress; mkfs.ext4 -q -d tree x 16M
} >/dev/null 2>&1
`;

const tearDown = `
fitting good
for root in zoo/*; do cp -a tree "$root/var/lib/extensions/good"; done
`;

function inTreeScript([title, script, name = 'bad']: (typeof inTree)[number]): string {
  return `fitting bad; (cd tree; ${script})
place '${title} (directory)' '${name}'; cp -a tree "$target"
place '${title} (raw)' '${name}.raw'; mkfs.erofs "$target" tree >/dev/null 2>&1`;
}

function inFileScript([title, script]: (typeof inFile)[number]): string {
  return `place '${title} (raw)' bad.raw; { ${script}; } >"$target"`;
}

/** All of them, each in a root of its own below `path`: made once, for as many machines as need them. */
export function makeBadImages(): Disposable & { readonly path: string } {
  const work = temporaryDirectory();
  const script = [setUp, ...inTree.map(inTreeScript), ...inFile.map(inFileScript), tearDown].join('\n');
  execFileSync('bash', ['-euc', script, work.path], { stdio: ['ignore', 'ignore', 'inherit'] });
  return { path: work.at('zoo'), [Symbol.dispose]: work[Symbol.dispose] };
}

/** Lays them out in the machine below `directory`, as for the system that it is, and returns their titles. */
export async function layOutBadImages(machine: Machine, made: string, directory: string): Promise<string[]> {
  await machine.copyIn(made, directory);
  const names = await machine.shell(
    `cd ${directory}; for root in *; do cp /etc/os-release "$root/etc"; echo "$root"; done`,
  );
  return names.trimEnd().split('\n');
}
