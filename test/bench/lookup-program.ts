import { openIndexDatabase } from '../../src/builder/packages/deb/index-database.ts';

/** Prints what some indexes have of a package: NAME DATABASE... */
const [, , name = '', ...paths] = process.argv;
for (const path of paths) {
  const database = openIndexDatabase(path);
  for (const { version, architecture } of database.packages(name)) process.stdout.write(`${version} ${architecture}\n`);
  database.close();
}
