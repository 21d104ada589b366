import { buildLimits, type BuildLimits } from '../core/build-limits.ts';
import { allowList, type Allowance } from '../core/contents/allow.ts';
import { fleetLockSettings, type FleetLockSettings } from '../core/fleet-lock.ts';
import type { HealthCheck } from '../core/health.ts';
import { healthList } from '../core/health-list.ts';
import { extensionNameRule, isExtensionName } from '../core/names.ts';
import { registriesSettings, type Registries } from '../core/registries.ts';
import { trustRules, type TrustRule } from '../core/trust-rules.ts';
import { webServersSettings, type WebServers } from '../core/web-servers.ts';
import { windowList } from '../core/window-list.ts';
import type { MaintenanceWindow } from '../core/windows.ts';
import { boolean, checked, integer, mapOf, oneOf, string } from '../core/yaml/decoder.ts';
import { decodeYamlOrThrow } from '../core/yaml/document.ts';
import { optional, struct, withDefault } from '../core/yaml/struct.ts';
import { quote } from '../core/yaml/text.ts';
import { driverWishes, type DriverWish } from '../systemd/drivers/choice.ts';

/** What the configuration of this host says. */
export interface Settings {
  /** What is allowed in every extension. */
  readonly allow: readonly Allowance[];
  /** What is allowed in single extensions, by name. */
  readonly extensions: ReadonlyMap<string, readonly Allowance[]>;
  /** Health checks, of the whole host and of single extensions. */
  readonly health: readonly HealthCheck[];
  /** How long one operation of systemd-sysext may take, in seconds. */
  readonly mergeTimeLimit?: number;
  /** How what is merged is changed; `auto` unless it is said. */
  readonly mergeDriver?: DriverWish;
  /** Whether images are mounted once for all merges, where that can be; so unless it is said. */
  readonly mountOnce?: boolean;
  /** When changes may be made that nobody typed; at any time where there are none. */
  readonly windows: readonly MaintenanceWindow[];
  /** How registries of images are reached, where it is not the usual way. */
  readonly registries: Registries;
  /** Who is asked before such a change. */
  readonly fleetLock?: FleetLockSettings;
  /** Where the numbers of this host are written for node_exporter: an absolute path, or `off`. */
  readonly metricsDirectory?: string;
  /** Whom this host believes about published images, by place and name: see ruleFor(). */
  readonly trust: readonly TrustRule[];
  /** How web servers are reached that publish them, where it is not the usual way. */
  readonly webServers: WebServers;
  /** What a step of a build may take, where it is not the usual. */
  readonly build: BuildLimits;
}

/** The name of an extension as a key. */
export const extensionName = checked(string, (name) =>
  isExtensionName(name) ? undefined : `${quote(name)} cannot be the name of an extension: ${extensionNameRule}`,
);

const ofAnything = { allow: withDefault(allowList, []), health: withDefault(healthList, []) };

const seconds = checked(integer, (value) =>
  value >= 1 && value <= 86_400 ? undefined : 'it takes a number of seconds, from 1 to 86400',
);

const mergeDriver = oneOf(driverWishes);

const pathOrOff = checked(string, (value) =>
  value === 'off' || (value.startsWith('/') && !value.split('/').includes('..'))
    ? undefined
    : 'it takes an absolute path of a directory, or off',
);

const settingsFile = struct({
  ...ofAnything,
  extensions: withDefault(mapOf(struct(ofAnything), extensionName), new Map()),
  merge: withDefault(struct({ driver: optional(mergeDriver), mount_once: optional(boolean) }), {
    driver: undefined,
    mount_once: undefined,
  }),
  merge_time_limit: optional(seconds),
  windows: withDefault(windowList, []),
  registries: withDefault(registriesSettings, new Map()),
  fleet_lock: optional(fleetLockSettings),
  metrics_directory: optional(pathOrOff),
  trust: withDefault(trustRules, []),
  web_servers: withDefault(webServersSettings, new Map()),
  build: withDefault(buildLimits, {}),
});

/**
 * Reads one file of the configuration.
 * @throws AgentError `invalid-config` with all problems and their places.
 */
export function parseSettings(text: string, path: string): Settings {
  const file = decodeYamlOrThrow(text, path, settingsFile, 'invalid-config', 'configuration');
  const {
    allow,
    health,
    extensions,
    windows,
    registries,
    merge: { driver, mount_once: mountOnce },
    merge_time_limit: mergeTimeLimit,
    fleet_lock: fleetLock,
    metrics_directory: metricsDirectory,
    trust,
    web_servers: webServers,
    build,
  } = file;
  const byFile = (rules: readonly string[]): readonly Allowance[] => rules.map((rule) => ({ rule, by: path }));
  return {
    allow: byFile(allow),
    extensions: new Map(Array.from(extensions, ([name, own]) => [name, byFile(own.allow)])),
    health: [
      ...health.map((check) => ({ ...check, by: path })),
      ...Array.from(extensions).flatMap(([extension, own]) =>
        own.health.map((check) => ({ ...check, by: path, extension })),
      ),
    ],
    windows,
    trust,
    webServers,
    build,
    registries,
    ...(driver === undefined ? {} : { mergeDriver: driver }),
    ...(mountOnce === undefined ? {} : { mountOnce }),
    ...(mergeTimeLimit === undefined ? {} : { mergeTimeLimit }),
    ...(fleetLock === undefined ? {} : { fleetLock }),
    ...(metricsDirectory === undefined ? {} : { metricsDirectory }),
  };
}
