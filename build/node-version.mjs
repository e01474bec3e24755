// Lambda runs Node 24 and so do we: on another major, type stripping and some of the language's newer calls are missing.
const major = Number(process.versions.node.split(".")[0]);
if (major !== 24) {
  console.error(
    `Rekey runs on Node 24, this is ${process.version}. Run it through npm (npm start, npm test): ` +
      "after npm ci on Linux, npm finds Node 24 in node_modules. On another system, install Node 24 first.",
  );
  process.exit(1);
}
