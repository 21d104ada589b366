const unitName =
  /^[A-Za-z0-9:_.\\@-]{1,200}\.(?:service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/;

/** Whether a text can be the name of a unit (systemd.unit(5)); none begins with a dash, which would be an option. */
export function isUnitName(text: string): boolean {
  return unitName.test(text) && !text.startsWith('-') && !text.startsWith('.') && !text.startsWith('@');
}

/** Whether a name is that of a template: `foo@.service`, of which only instances are ever started. */
export function isTemplate(unit: string): boolean {
  return /@\.[a-z]+$/.test(unit);
}

/** What systemctl(1) takes for all that a unit file stands for: the unit, or the instances of a template. */
export function unitPattern(unit: string): string {
  return unit.replace(/@(\.[a-z]+)$/, '@*$1');
}

/** Whether a unit is what a unit file of this name stands for. */
export function isUnitOf(file: string, unit: string): boolean {
  if (!isTemplate(file)) return file === unit;
  const [prefix = '', suffix = ''] = file.split('@');
  return unit.startsWith(`${prefix}@`) && unit.endsWith(suffix);
}

/**
 * What the host stands on, and what would end the user's session or ourselves: it is never started, stopped or restarted
 * on behalf of an extension. The only list of this.
 */
const untouchables: readonly RegExp[] = [
  /^dbus(?:-broker)?\.(?:service|socket)$/,
  /^systemd-(?:logind|journald|udevd|networkd|resolved|userdbd|oomd|sysext|confext|tmpfiles-.*|sysusers)(?:[@-].*)?\./,
  /^(?:display-manager|gdm3?|sddm|lightdm)\.service$/,
  /^(?:user@.*|user-runtime-dir@.*|getty@.*|serial-getty@.*|emergency|rescue|initrd-.*)\.service$/,
  /^sysext-agent.*$/,
  /\.(?:target|slice|scope|device)$/,
];

/** Whether a unit must be left alone while the host runs. */
export function isUntouchable(unit: string): boolean {
  return untouchables.some((pattern) => pattern.test(unit));
}
