/** Which boots and generations came up well, and images that wait for another version of the system. */
export const bootScript = `
  ALTER TABLE generation ADD COLUMN confirmed_at TEXT;
  CREATE INDEX generation_confirmed ON generation (number) WHERE confirmed_at IS NOT NULL;
  ALTER TABLE boot ADD COLUMN confirmed_at TEXT;

  CREATE TABLE prefetched (
    name TEXT NOT NULL,
    os TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    "release" TEXT NOT NULL,
    installed_at TEXT NOT NULL,
    allowed TEXT NOT NULL,
    health TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (name, os)
  ) STRICT, WITHOUT ROWID;
`;
