import { configurationDirectories } from '../agent/configuration-directories.ts';
import type { Settings } from '../agent/settings-file.ts';
import { systemClock } from '../host/clock.ts';
import type { RegistryAccess } from '../published/registry/endpoint.ts';
import type { Trust } from '../published/trust/trust.ts';

/** How this host reaches registries: by its settings, and with the credentials of whoever runs the command. */
export async function registryAccess({ registries }: Settings): Promise<RegistryAccess> {
  const { credentialFiles, credentialsFrom } = await import('../published/registry/credentials.ts');
  const credentials = credentialsFrom(credentialFiles(process.env, process.getuid?.() ?? 0));
  return { registries, credentials, env: process.env, clock: systemClock };
}

/** Whom this host believes about published images. */
export async function hostTrust({ trust }: Settings, root: string): Promise<Trust> {
  const { readKeyRing } = await import('../published/trust/key-ring.ts');
  const directories = configurationDirectories.map((directory) => `${directory}/keys`);
  const known = { rules: trust, keys: readKeyRing(directories, root), clock: systemClock };
  if (!trust.some(({ identities }) => identities !== undefined)) return known;
  const { judgeKeyless } = await import('../published/trust/keyless.ts');
  return { ...known, keyless: judgeKeyless };
}
