/** A system call as the kernel shows it to a filter; arguments are 64 bit wide. */
export type SystemCall = {
  readonly architecture: number
  readonly number: number
  readonly arguments: readonly bigint[]
}

/** Runs classic BPF over `struct seccomp_data`, written from the kernel's documentation and not from our assembler. */
export const runFilter = (program: Uint8Array, call: SystemCall): number => {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength)
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, call.number, true)
  data.setUint32(4, call.architecture, true)
  for (const [index, value] of call.arguments.entries())
    data.setBigUint64(16 + 8 * index, BigInt.asUintN(64, value), true)
  let accumulator = 0
  for (let position = 0; position * 8 < program.byteLength; position++) {
    const opcode = code.getUint16(position * 8, true)
    const k = code.getUint32(position * 8 + 4, true)
    const jump = (isTrue: boolean) => {
      position += code.getUint8(position * 8 + (isTrue ? 2 : 3))
    }
    if (opcode === 0x20) accumulator = data.getUint32(k, true)
    else if (opcode === 0x54) accumulator = (accumulator & k) >>> 0
    else if (opcode === 0x05) position += k
    else if (opcode === 0x15) jump(accumulator === k)
    else if (opcode === 0x25) jump(accumulator > k)
    else if (opcode === 0x35) jump(accumulator >= k)
    else if (opcode === 0x45) jump((accumulator & k) !== 0)
    else if (opcode === 0x06) return k
    else throw new Error(`unknown instruction ${opcode} at ${position}`)
  }
  throw new Error('the filter ended without an answer')
}
