/** Where configuration is, highest precedence first. */
export const configurationDirectories = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map(
  (path) => `${path}/sysext-agent`,
);

/** Where drop-ins of the fleet are, highest precedence first. */
export const fleetDirectories = configurationDirectories.map((path) => `${path}/extensions.d`);
