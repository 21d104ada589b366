import { signatureOf, type Argument, type InterfaceDefinition } from './definition.ts';

const head = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">`;

/** What every object has. */
const standard: readonly InterfaceDefinition[] = [
  {
    name: 'org.freedesktop.DBus.Introspectable',
    methods: { Introspect: { takes: [], gives: [['data', 's']] } },
    properties: {},
    signals: {},
  },
  {
    name: 'org.freedesktop.DBus.Peer',
    methods: { Ping: { takes: [], gives: [] } },
    properties: {},
    signals: {},
  },
  {
    name: 'org.freedesktop.DBus.Properties',
    methods: {
      Get: {
        takes: [
          ['interface', 's'],
          ['property', 's'],
        ],
        gives: [['value', 'v']],
      },
      GetAll: { takes: [['interface', 's']], gives: [['properties', 'a{sv}']] },
    },
    properties: {},
    signals: {
      PropertiesChanged: [
        ['interface', 's'],
        ['changed', 'a{sv}'],
        ['invalidated', 'as'],
      ],
    },
  },
];

const objectManager: InterfaceDefinition = {
  name: 'org.freedesktop.DBus.ObjectManager',
  methods: { GetManagedObjects: { takes: [], gives: [['objects', 'a{oa{sa{sv}}}']] } },
  properties: {},
  signals: {
    InterfacesAdded: [
      ['path', 'o'],
      ['interfaces', 'a{sa{sv}}'],
    ],
    InterfacesRemoved: [
      ['path', 'o'],
      ['interfaces', 'as'],
    ],
  },
};

/** The description of an object by the D-Bus specification. Names and types are ours: nothing in them needs escaping. */
export function introspectionOf(
  of: InterfaceDefinition | undefined,
  children: readonly string[],
  isManager: boolean,
): string {
  const interfaces = of === undefined ? [] : [...standard, ...(isManager ? [objectManager] : []), of];
  return [
    head,
    '<node>',
    ...interfaces.flatMap(interfaceLines),
    ...children.map((name) => `  <node name="${name}"/>`),
    '</node>\n',
  ].join('\n');
}

function interfaceLines({ name, methods, properties, signals }: InterfaceDefinition): string[] {
  return [
    `  <interface name="${name}">`,
    ...Object.entries(methods).flatMap(([method, { takes, gives }]) => [
      `    <method name="${method}">`,
      ...takes.map((argument) => argumentLine(argument, ' direction="in"')),
      ...gives.map((argument) => argumentLine(argument, ' direction="out"')),
      '    </method>',
    ]),
    ...Object.entries(signals).flatMap(([signal, parts]) => [
      `    <signal name="${signal}">`,
      ...parts.map((argument) => argumentLine(argument, '')),
      '    </signal>',
    ]),
    ...Object.entries(properties).map(
      ([property, type]) => `    <property name="${property}" type="${type}" access="read"/>`,
    ),
    '  </interface>',
  ];
}

function argumentLine(argument: Argument, direction: string): string {
  return `      <arg name="${argument[0]}" type="${signatureOf([argument])}"${direction}/>`;
}
