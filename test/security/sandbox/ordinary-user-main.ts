/** The suite in a process of its own, for `runSuiteAsOrdinaryUser`: prints the verdicts as JSON. */
import { runSuite } from './run-suite.ts'

process.stdout.write(JSON.stringify(await runSuite()))
