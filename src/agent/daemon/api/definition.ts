import type { InterfaceDefinition } from '../../../systemd/bus/definition.ts';

/** The interface on the bus, as data: docs/dbus.md has a row for each member. */

export const serviceName = 'io.github.SysextAgent1';
export const managerPath = '/io/github/SysextAgent1';

export const managerInterface = {
  name: `${serviceName}.Manager`,
  methods: {
    List: { takes: [], gives: [['extensions', 'a(ssbss)']] },
    Explain: { takes: [['name', 's']], gives: [['text', 's']] },
    Check: {
      takes: [['path', 's']],
      gives: [
        ['name', 's'],
        ['version', 's'],
        ['fits', 'b'],
        ['why', 's'],
        ['findings', 'a(sss)'],
      ],
    },
    CheckOs: { takes: [['os_release', 's']], gives: [['extensions', 'a(ssbs)']] },
    History: { takes: [['count', 'u']], gives: [['operations', 'a(ususasss)']] },
    Install: {
      takes: [
        ['paths', 'as'],
        ['options', 'a{sv}'],
      ],
      gives: [['job', 'o']],
    },
    Remove: { takes: [['names', 'as']], gives: [['job', 'o']] },
    Upgrade: { takes: [['names', 'as']], gives: [['job', 'o']] },
    Apply: { takes: [], gives: [['job', 'o']] },
    Merge: { takes: [], gives: [['job', 'o']] },
    Unmerge: { takes: [], gives: [['job', 'o']] },
    Refresh: { takes: [], gives: [['job', 'o']] },
    Rollback: { takes: [['number', 'u']], gives: [['job', 'o']] },
    Hold: { takes: [['names', 'as']], gives: [['job', 'o']] },
    Unhold: { takes: [['names', 'as']], gives: [['job', 'o']] },
  },
  properties: { Version: 's', Generation: 'u', State: 's', Merged: 'as', LastError: 's', ConfigProblems: 'as' },
  signals: {
    JobNew: [
      ['id', 'u'],
      ['job', 'o'],
    ],
    JobRemoved: [
      ['id', 'u'],
      ['job', 'o'],
      ['result', 's'],
      ['error', 's'],
      ['message', 's'],
    ],
  },
} as const satisfies InterfaceDefinition;

export const jobInterface = {
  name: `${serviceName}.Job`,
  methods: { Cancel: { takes: [], gives: [] } },
  properties: { Id: 'u', Verb: 's', Names: 'as', State: 's', Progress: 's', Transfer: 's', Error: 's' },
  signals: {},
} as const satisfies InterfaceDefinition;

/** The methods that change the host, with the action of polkit that each asks for. */
export const actionOf = {
  Install: 'install',
  Remove: 'remove',
  Upgrade: 'upgrade',
  Apply: 'apply',
  Merge: 'merge',
  Unmerge: 'merge',
  Refresh: 'merge',
  Rollback: 'rollback',
  Hold: 'hold',
  Unhold: 'hold',
} as const;

export type ChangeMethod = keyof typeof actionOf;

export type Action = (typeof actionOf)[ChangeMethod] | 'cancel';

export function isChange(member: string): member is ChangeMethod {
  return Object.hasOwn(actionOf, member);
}
