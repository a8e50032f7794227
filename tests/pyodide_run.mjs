// SPDX-License-Identifier: MIT
// Run the main tests on CPython compiled to WebAssembly, from the root of the project:
//
//     node tests/pyodide_run.mjs FOLDER_OF_PYODIDE FOLDER_WITH_HYPOTHESIS
//
// WebAssembly has no processes, sockets or threads, so test modules that import them are left out.

import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pyodideFolder, hypothesisFolder] = process.argv.slice(2).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(`${pyodideFolder}/pyodide.mjs`));
const python = await loadPyodide();
python.mountNodeFS("/above", resolve("..")); // some tests read data that lies beside the checkout
python.mountNodeFS("/hypothesis", hypothesisFolder);

const program = String.raw`
project = "/above/${basename(resolve("."))}"
import re, sys, unittest, warnings
from pathlib import Path

warnings.simplefilter("error")  # not by -W: Pyodide's own start warns
sys.path[:0] = [project, "/hypothesis"]
sys.dont_write_bytecode = True
ABSENT = r"^(?:import|from) (?:asyncio|http\.server|multiprocessing|socket|socketserver|ssl|subprocess|threading|tests\.test_systems)\b"
suite = unittest.TestSuite()
left_out = []
for file in sorted(Path(project, "tests").glob("test_*.py")):
    if re.search(ABSENT, file.read_text("utf-8"), re.MULTILINE):
        left_out.append(file.stem)
    else:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromName(f"tests.{file.stem}"))
print(sys.version, "on", sys.platform)
print("left out, because they need processes, sockets or threads:", *left_out)
result = unittest.TextTestRunner(stream=sys.stdout, warnings="error").run(suite)
0 if result.wasSuccessful() and result.testsRun else 1
`;
try {
  process.exitCode = python.runPython(program);
} catch (error) {
  console.error(error.message); // all of it: node would print the minified source before it
  process.exitCode = 1;
}
