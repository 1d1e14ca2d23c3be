import { expect, test } from 'bun:test'
import { diskFault, onDisk } from '../disk-fault.ts'

const fault = (code: string): Error => Object.assign(new Error(`${code}: of the test`), { code })

test.each([
  ['ENOSPC', 'DISK_FULL'],
  ['EDQUOT', 'DISK_FULL'],
  ['EACCES', 'HOME_UNUSABLE'],
  ['EROFS', 'HOME_UNUSABLE'],
  ['ENOTDIR', 'HOME_UNUSABLE'],
  ['EEXIST', 'HOME_UNUSABLE'],
  ['ENAMETOOLONG', 'HOME_UNUSABLE'],
])('%s on the home is %s, with a hint and its cause', (code, expected) => {
  const cause = fault(code)
  const failing = () =>
    onDisk('/home', () => {
      throw cause
    })
  expect(failing).toThrow(expect.objectContaining({ code: expected, hint: expect.any(String), cause }))
})

test('a fault that is none of the disk comes back as it was', () => {
  const bug = new TypeError('a bug')
  expect(diskFault(bug, '/home')).toBe(bug)
  expect(diskFault('text', '/home')).toBe('text')
})
