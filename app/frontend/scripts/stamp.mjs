// Writes the release into a built page and gives every file the same time:
//   node scripts/stamp.mjs DIST RELEASE SECONDS_SINCE_1970
// It is a step of its own so that the build before it is the same for every commit that leaves the sources alone.
import { readFileSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [dist, release, epoch] = process.argv.slice(2);
if (!dist || !/^[A-Za-z0-9._-]{1,64}$/.test(release ?? "") || !/^\d+$/.test(epoch ?? "")) {
  console.error("usage: stamp.mjs DIST RELEASE SECONDS_SINCE_1970");
  process.exit(2);
}

const page = join(dist, "index.html");
const before = readFileSync(page, "utf8");
const placeholder = /(<meta name="release" content=")[^"]*(")/;
if (!placeholder.test(before)) {
  console.error(`stamping ${page}: it has no <meta name="release">`);
  process.exit(1);
}
writeFileSync(page, before.replace(placeholder, `$1${release}$2`));

for (const name of ["", ...readdirSync(dist, { recursive: true })].reverse()) {
  const path = join(dist, name);
  utimesSync(path, Number(epoch), Number(epoch));
}
