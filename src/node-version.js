/**
 * `node --import ./src/node-version.js`, before all else. Plain JavaScript, so that a Node that cannot run TypeScript says
 * so in one line instead of a SyntaxError.
 */
if (!process.features.typescript) {
  process.stderr.write(
    `insertlab: Node ${process.version} cannot run TypeScript. Run npm ci without --omit=dev and --ignore-scripts, ` +
      'which installs a Node that can, or use Node 22.18 or newer.\n',
  )
  process.exit(3)
}
