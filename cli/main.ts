import { Command, CommanderError } from 'commander';
import { ExitStatus, InfrastructureError } from '../lib/errors.ts';
import { commands } from './commands/index.ts';
import { reportError } from './report-error.ts';

const program = new Command('aemcert')
  .description('Conformance suite for low-level asynchronous events on Linux')
  .showHelpAfterError('(aemcert --help tells what there is)')
  .exitOverride();
for (const register of commands) register(program);

// By itself Node would end with 1, which says that the kernel does not conform.
process.on('uncaughtException', (error) => process.exit(reportError(error)));
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that has gone, such as head, has what it wanted.
    if (error.code !== 'EPIPE') throw new InfrastructureError('the output cannot be written', { seen: error.message });
  });
}

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
