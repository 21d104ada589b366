/**
 * What a spec says of the health of its extension, what a step said that failed, and which version a bad image is: all
 * unknown of what was recorded before.
 */
export const healthScript = `
  ALTER TABLE generation_extension ADD COLUMN health TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE operation_step ADD COLUMN said TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE bad_image ADD COLUMN version TEXT NOT NULL DEFAULT '';
`;
