/**
 * Generations: the set of extensions that an operation means to put in force has the number of that operation. What was
 * recorded before there were generations becomes some: each operation that changed extensions gets the set that followed
 * it. Of images that are gone only name, version, digest and source are known.
 */
export const generationScript = `
  ALTER TABLE operation ADD COLUMN reason TEXT;

  CREATE TABLE generation (
    number INTEGER PRIMARY KEY REFERENCES operation (id) ON DELETE CASCADE,
    parent INTEGER,
    state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX generation_state ON generation (state, number);

  CREATE TABLE generation_extension (
    generation INTEGER NOT NULL REFERENCES generation (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    "release" TEXT NOT NULL,
    installed_at TEXT NOT NULL,
    allowed TEXT NOT NULL,
    PRIMARY KEY (generation, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE operation_step (
    operation INTEGER NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    description TEXT NOT NULL,
    reason TEXT NOT NULL,
    started_at TEXT,
    duration_ms INTEGER,
    PRIMARY KEY (operation, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE hold (
    name TEXT PRIMARY KEY,
    since TEXT NOT NULL,
    operation INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE boot (
    boot_id TEXT PRIMARY KEY,
    generation INTEGER,
    seen_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE bad_image (
    sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    since TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX change_by_name ON operation_extension (name, operation);

  INSERT INTO operation (verb, started_at, uid, command, os, systemd, result, duration_ms)
  SELECT 'adopt', min(installed_at), 0, '', '', '', 'done', 0 FROM installed
  HAVING count(*) > 0 AND NOT EXISTS (
    SELECT 1 FROM operation WHERE verb IN ('install', 'remove') AND result = 'done');

  INSERT INTO generation (number, parent, state)
  SELECT id, lag(id) OVER (ORDER BY id),
    CASE WHEN row_number() OVER (ORDER BY id DESC) = 1 THEN 'active' ELSE 'superseded' END
  FROM operation WHERE verb IN ('install', 'remove', 'adopt') AND result = 'done';

  INSERT INTO generation_extension
  SELECT number, change.name, change.version, change.sha256, coalesce(size, 0), coalesce(kind, 'raw'),
    change.source, coalesce("release", ''), made.started_at, change.allowed
  FROM generation
  JOIN (SELECT DISTINCT name FROM operation_extension) AS known
  JOIN operation_extension AS change ON change.name = known.name AND change.operation = (
    SELECT max(operation) FROM operation_extension JOIN operation ON operation.id = operation_extension.operation
    WHERE operation_extension.name = known.name AND operation <= number AND result = 'done' AND change <> 'merged')
  JOIN operation AS made ON made.id = change.operation
  LEFT JOIN installed ON installed.sha256 = change.sha256 AND installed.name = change.name
  WHERE state = 'superseded' AND change.change <> 'removed';

  INSERT INTO generation_extension
  SELECT number, name, version, sha256, size, kind, source, "release", installed_at, allowed
  FROM installed JOIN generation ON state = 'active';

  DROP TABLE installed;
`;
