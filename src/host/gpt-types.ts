/** The types of partitions that systemd looks for in an image: root, usr, and what proves them, for each architecture. */
const types: Readonly<Record<string, readonly string[]>> = {
  x86: [
    '44479540-f297-41b2-9af7-d131d5f0458a',
    '75250d76-8cc6-458e-bd66-bd47cc81a812',
    'd13c5d3b-b5d1-422a-b29f-9454fdc89d76',
    '8f461b0d-14ee-4e81-9aa9-049b6fb97abd',
    '5996fc05-109c-48de-808b-23fa0830b676',
    '974a71c0-de41-43c3-be5d-5c5ccd1ad2c0',
  ],
  'x86-64': [
    '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
    '8484680c-9521-48c6-9c11-b0720656f69e',
    '2c7357ed-ebd2-46d9-aec1-23d437ec2bf5',
    '77ff5f63-e7b6-4633-acf4-1565b864c0e6',
    '41092b05-9fc8-4523-994f-2def0408b176',
    'e7bb33fb-06cf-4e81-8273-e543b413e2e2',
  ],
  arm: [
    '69dad710-2ce4-4e3c-b16c-21a1d49abed3',
    '7d0359a3-02b3-4f0a-865c-654403e70625',
    '7386cdf2-203c-47a9-a498-f2ecce45a2d6',
    'c215d751-7bcd-4649-be90-6627490a4c05',
    '42b0455f-eb11-491d-98d3-56145ba9d037',
    'd7ff812f-37d1-4902-a810-d76ba57b975a',
  ],
  arm64: [
    'b921b045-1df0-41c3-af44-4c6f280d3fae',
    'b0e01050-ee5f-4390-949a-9101b17104e9',
    'df3300ce-d69f-4c92-978c-9bfb0f38d820',
    '6e11a4e7-fbca-4ded-b9e9-e1a512bb664e',
    '6db69de6-29f4-4758-a7a5-962190f00ce3',
    'c23ce4ff-44bd-4b00-b2d4-b41b3419e02a',
  ],
  loongarch64: [
    '77055800-792c-4f94-b39a-98c91b762bb6',
    'e611c702-575c-4cbe-9a46-434fa0bf7e3f',
    'f3393b22-e9af-4613-a948-9d3bfbd0c535',
    'f46b2c26-59ae-48f0-9106-c50ed47f673d',
    '5afb67eb-ecc8-4f85-ae8e-ac1e7c50e7d0',
    'b024f315-d330-444c-8461-44bbde524e99',
  ],
  'mips-le': [
    '37c58c8a-d913-4156-a25f-48b1b64e07f0',
    '0f4868e9-9952-4706-979f-3ed3a473e947',
    'd7d150d2-2a04-4a33-8f12-16651205ff7b',
    '46b98d8d-b55c-4e8f-aab3-37fca7f80752',
    'c919cc1f-4456-4eff-918c-f75e94525ca5',
    '3e23ca0b-a4bc-4b4e-8087-5ab6a26aa8a9',
  ],
  'mips64-le': [
    '700bda43-7a34-4507-b179-eeb93d7a7ca3',
    'c97c1f32-ba06-40b4-9f22-236061b08aa8',
    '16b417f8-3e06-4f57-8dd2-9b5232f41aa6',
    '3c3d61fe-b5f3-414d-bb71-8739a694a4ef',
    '904e58ef-5c65-4a31-9c57-6af5fc7c5de7',
    'f2c2c7ee-adcc-4351-b5c6-ee9816b66e16',
  ],
  ppc64: [
    '912ade1d-a839-4913-8964-a10eee08fbd2',
    '2c9739e2-f068-46b3-9fd0-01c5a9afbcca',
    '9225a9a3-3c19-4d89-b4f6-eeff88f17631',
    'bdb528a5-a259-475f-a87d-da53fa736a07',
    'f5e2c20c-45b2-4ffa-bce9-2a60737e1aaf',
    '0b888863-d7f8-4d9e-9766-239fce4d58af',
  ],
  'ppc64-le': [
    'c31c45e6-3f39-412e-80fb-4809c4980599',
    '15bb03af-77e7-4d4a-b12b-c0d084f7491c',
    '906bd944-4589-4aae-a4e4-dd983917446a',
    'ee2b9983-21e8-4153-86d9-b6901a54d1ce',
    'd4a236e7-e873-4c07-bf1d-bf6cf7f1c3c6',
    'c8bfbd1e-268e-4521-8bba-bf314c399557',
  ],
  riscv64: [
    '72ec70a6-cf74-40e6-bd49-4bda08e8f224',
    'beaec34b-8442-439b-a40b-984381ed097d',
    'b6ed5582-440b-4209-b8da-5ff7c419ea3d',
    '8f1056be-9b05-47c4-81d6-be53128e5b54',
    'efe0f087-ea8d-4469-821a-4c2a96a8386a',
    'd2f9000a-7a18-453f-b5cd-4d32f77a7b32',
  ],
  s390x: [
    '5eead9a9-fe09-4a1e-a1d7-520d00531306',
    '8a4f5770-50aa-4ed3-874a-99b710db6fea',
    'b325bfbe-c7be-4ab8-8357-139e652d2f6b',
    '31741cc4-1a2a-4111-a581-e00b447d2d06',
    'c80187a5-73a3-491a-901a-017c3fa953e9',
    '3f324816-667b-46ae-86ee-9b0c0c6c11b4',
  ],
};

const kinds = ['root', 'usr', 'root-verity', 'usr-verity', 'root-verity-sig', 'usr-verity-sig'];

/** `root-x86-64`, `usr-verity-arm64`, and so on, by UUID. */
export const partitionTypes: ReadonlyMap<string, string> = new Map([
  ['0fc63daf-8483-4772-8e79-3d69d8477de4', 'linux-generic'],
  ...Object.entries(types).flatMap(([architecture, uuids]) =>
    uuids.map((uuid, index) => [uuid, `${kinds[index] ?? ''}-${architecture}`] as const),
  ),
]);
