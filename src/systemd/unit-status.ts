import { bytes, flag, int32, property, text, uint32, type Properties } from './bus/values.ts';

/** What systemd knows of a unit (org.freedesktop.systemd1(5)). */
export interface UnitStatus {
  readonly name: string;
  /** `loaded`, `not-found`, `masked`, `bad-setting`, ... */
  readonly loadState: string;
  /** `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`, ... */
  readonly activeState: string;
  readonly subState: string;
  readonly description: string;
  /** `enabled`, `disabled`, `static`, ...; empty where there is no unit file. */
  readonly fileState: string;
  /** Whether its file is newer than what systemd has read. */
  readonly needsReload: boolean;
  /** What its last run ended with, where it is of a kind that runs: `success`, `exit-code`, `timeout`, ... */
  readonly result: string | undefined;
  /** The run that this is about, as journalctl(1) takes it for `_SYSTEMD_INVOCATION_ID=`; empty where it never ran. */
  readonly invocationId: string;
  /** Only of services. */
  readonly service: ServiceStatus | undefined;
}

export interface ServiceStatus {
  /** 0 where none runs. */
  readonly mainPid: number;
  /** How the main process ended: as the `si_code` of waitid(2); 0 where it did not yet or never ran. */
  readonly mainCode: number;
  /** Its exit status, or the number of the signal that ended it. */
  readonly mainStatus: number;
}

/** @throws WrongTypeError where a property has another type than it must. */
export function unitStatusOf(all: Properties): UnitStatus {
  const word = (name: string) => property(all, name, text) ?? '';
  return {
    name: word('Id'),
    loadState: word('LoadState'),
    activeState: word('ActiveState'),
    subState: word('SubState'),
    description: word('Description'),
    fileState: word('UnitFileState'),
    needsReload: property(all, 'NeedDaemonReload', flag) ?? false,
    result: property(all, 'Result', text),
    invocationId: property(all, 'InvocationID', bytes)?.toString('hex') ?? '',
    service: serviceStatusOf(all),
  };
}

function serviceStatusOf(all: Properties): ServiceStatus | undefined {
  const [mainPid, mainCode, mainStatus] = [
    property(all, 'MainPID', uint32),
    property(all, 'ExecMainCode', int32),
    property(all, 'ExecMainStatus', int32),
  ];
  if (mainPid === undefined || mainCode === undefined || mainStatus === undefined) return undefined;
  return { mainPid, mainCode, mainStatus };
}
