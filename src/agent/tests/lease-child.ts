/** Takes the lease named by its argument, says so, and holds it until it is killed. */
import { takeLease } from '../lease.ts'

const lease = takeLease(Bun.argv[2] ?? '')
process.stdout.write('held\n')
process.stdin.on('end', () => lease.release())
process.stdin.resume()
