/**
 * What operations add up to, kept as they end: to count them when it is asked would take as long as the history is large.
 * Triggers keep it, so that whatever writes an operation, also what saves a damaged history, counts it.
 */
export const tallyScript = `
  CREATE TABLE tally (
    verb TEXT NOT NULL,
    result TEXT NOT NULL,
    count INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    PRIMARY KEY (verb, result)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE tally_total (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  INSERT INTO tally SELECT verb, result, count(*), max(id) FROM operation WHERE result <> 'running' GROUP BY verb, result;
  INSERT INTO tally_total SELECT 'rolled-back', count(*) FROM generation WHERE state = 'rolled-back';
  INSERT INTO tally_total SELECT 'merge-ms', duration_ms FROM operation_step
    WHERE description LIKE 'systemd-sysext %' AND duration_ms IS NOT NULL ORDER BY operation DESC, position DESC LIMIT 1;

  CREATE TRIGGER tally_ended AFTER UPDATE OF result ON operation WHEN old.result = 'running' AND new.result <> 'running' BEGIN
    INSERT INTO tally VALUES (new.verb, new.result, 1, new.id)
      ON CONFLICT DO UPDATE SET count = count + 1, latest = max(latest, new.id);
  END;
  CREATE TRIGGER tally_noted AFTER INSERT ON operation WHEN new.result <> 'running' BEGIN
    INSERT INTO tally VALUES (new.verb, new.result, 1, new.id)
      ON CONFLICT DO UPDATE SET count = count + 1, latest = max(latest, new.id);
  END;
  CREATE TRIGGER tally_rolled_back AFTER UPDATE OF state ON generation
    WHEN old.state <> 'rolled-back' AND new.state = 'rolled-back' BEGIN
    UPDATE tally_total SET value = value + 1 WHERE name = 'rolled-back';
  END;
  CREATE TRIGGER tally_found_rolled_back AFTER INSERT ON generation WHEN new.state = 'rolled-back' BEGIN
    UPDATE tally_total SET value = value + 1 WHERE name = 'rolled-back';
  END;
  CREATE TRIGGER tally_merged AFTER INSERT ON operation_step
    WHEN new.description LIKE 'systemd-sysext %' AND new.duration_ms IS NOT NULL BEGIN
    INSERT OR REPLACE INTO tally_total VALUES ('merge-ms', new.duration_ms);
  END;
`;
