process.stderr.write('plaited: the command line is being built\n')
process.exitCode = 1
