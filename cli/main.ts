import { Command, CommanderError } from 'commander';
import { ExitStatus } from '../lib/errors.ts';
import { commands } from './commands/index.ts';
import { reportError } from './report-error.ts';

const program = new Command('aemcert')
  .description('Conformance suite for low-level asynchronous events on Linux')
  .showHelpAfterError('(aemcert --help tells what there is)')
  .exitOverride();
for (const register of commands) register(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has printed its message already.
    process.exitCode = error.exitCode === 0 ? 0 : ExitStatus.Usage;
  } else {
    process.exitCode = reportError(error);
  }
}
