import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryDirectory } from '../../support/archives.ts';

/** A Debian package by dpkg-deb(1) that brings /usr/share/NAME/file. `postinst` is the rest of a shell script. */
export function debPackage(name: string, postinst = ''): Buffer {
  using work = temporaryDirectory();
  const tree = work.at('tree');
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  mkdirSync(join(tree, 'usr/share', name), { recursive: true });
  writeFileSync(join(tree, 'usr/share', name, 'file'), `${name}\n`);
  const fields = {
    Package: name,
    Version: '1',
    Architecture: 'all',
    Maintainer: 'x <x@example.com>',
    Description: 'x',
  };
  const control = Object.entries(fields).map(([field, value]) => `${field}: ${value}\n`);
  writeFileSync(join(tree, 'DEBIAN/control'), control.join(''));
  writeFileSync(join(tree, 'DEBIAN/postinst'), `#!/bin/sh\n${postinst}\n`, { mode: 0o755 });
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', tree, work.at('x.deb')], { stdio: 'pipe' });
  return readFileSync(work.at('x.deb'));
}

/**
 * An rpm by rpmbuild(8) that brings /usr/share/NAME/file. Its scriptlets are in Lua, which is within rpm: no shell needs
 * to be in rpm's database.
 * @param pre what runs before its files are written.
 */
export function rpmPackage(name: string, pre: string): Buffer {
  using work = temporaryDirectory();
  const spec = `Name: ${name}
Version: 1
Release: 1
Summary: x
License: x
BuildArch: noarch
AutoReqProv: no
%description
x
%pre -p <lua>
${pre}
%install
mkdir -p %{buildroot}/usr/share/${name}
echo ${name} >%{buildroot}/usr/share/${name}/file
%files
/usr/share/${name}
`;
  writeFileSync(work.at('x.spec'), spec);
  const define = ['--define', `_topdir ${work.at('top')}`, '--define', `_rpmdir ${work.at('rpms')}`];
  execFileSync('rpmbuild', ['-bb', '--quiet', ...define, work.at('x.spec')], { stdio: 'pipe' });
  return readFileSync(join(work.at('rpms'), `noarch/${name}-1-1.noarch.rpm`));
}
