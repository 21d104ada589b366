import fs from 'node:fs';

import { execa } from 'execa';

/** What the machines take over from this host's apt: the same mirror, the same way to reach it. */
export interface HostApt {
  readonly mirror: string;
  readonly security: string;
  /** apt.conf lines on proxies and on relaxed checks of the mirror's dates. */
  readonly settings: readonly string[];
}

const debian = { mirror: 'http://ftp.debian.org/debian', security: 'http://security.debian.org/debian-security' };

/** Reads this host's apt configuration; on a host that is not Debian, Debian's own mirror. */
export async function hostApt(): Promise<HostApt> {
  const [repositories, settings] = await Promise.all([debianRepositories(), connectionSettings()]);
  return { ...debian, ...repositories, settings };
}

/** The mirrors that this host's sources name, in whichever format: apt itself has parsed them. */
async function debianRepositories(): Promise<Partial<HostApt>> {
  const codename = debianCodename();
  if (codename === undefined) return {};
  const format = '$(RELEASE) $(COMPONENT) $(REPO_URI)';
  // Without the lists that it has downloaded, apt looks at its sources only and answers at once.
  const query = ['indextargets', '--option=Dir::State::Lists=/nonexistent', '--no-release-info', '--format', format];
  const { stdout } = await execa('apt-get', query);
  const uriOf = new Map(
    stdout.split('\n').map((line) => {
      const [release = '', component = '', uri = ''] = line.split(' ');
      return [`${release} ${component}`, uri.replace(/\/$/, '')];
    }),
  );
  const mirror = uriOf.get(`${codename} main`);
  const security = uriOf.get(`${codename}-security main`);
  return { ...(mirror === undefined ? {} : { mirror }), ...(security === undefined ? {} : { security }) };
}

function debianCodename(): string | undefined {
  const release = fs.readFileSync('/etc/os-release', 'utf8');
  return /^ID=debian$/m.test(release) ? /^VERSION_CODENAME=(\S+)$/m.exec(release)?.[1] : undefined;
}

async function connectionSettings(): Promise<string[]> {
  const { stdout } = await execa('apt-config', ['dump']);
  return stdout
    .split('\n')
    .filter((line) => /^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy)\b.* ".+";$/i.test(line));
}
