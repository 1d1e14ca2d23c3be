/** Number of a system call as [x86-64, aarch64]; null where the architecture has no such call. */
type CallNumbers = readonly [x64: number | null, arm64: number | null]

/** The newest call that was reviewed: removexattrat, Linux 6.13. Anything newer answers ENOSYS until it is. */
export const NEWEST_REVIEWED_CALL = 466

/** Calls that no command of the workspace needs and that reach beyond it; they answer EPERM. */
export const DENIED_CALLS: Readonly<Record<string, CallNumbers>> = {
  // Mounts and namespaces, the new mount calls included: they would undo the view that bubblewrap built.
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  unshare: [272, 97],
  setns: [308, 268],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  statmount: [457, 457],
  listmount: [458, 458],
  // Looking into other processes, or driving them.
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  perf_event_open: [298, 241],
  move_pages: [279, 239],
  migrate_pages: [256, 238],
  // The kernel and the machine.
  reboot: [169, 142],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  create_module: [174, null],
  query_module: [178, null],
  get_kernel_syms: [177, null],
  iopl: [172, null],
  ioperm: [173, null],
  modify_ldt: [154, null],
  syslog: [103, 116],
  acct: [163, 89],
  swapon: [167, 224],
  swapoff: [168, 225],
  vhangup: [153, 58],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  nfsservctl: [180, 42],
  lookup_dcookie: [212, 18],
  uselib: [134, null],
  ustat: [136, null],
  sysfs: [139, null],
  _sysctl: [156, null],
  // Large kernel surfaces with a history of faults.
  bpf: [321, 280],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  // Keyrings are shared between containers of one user.
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  // Handles and events that pass by the mount tree.
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  fanotify_init: [300, 262],
  fanotify_mark: [301, 263],
  // Memory that the node cannot see.
  memfd_secret: [447, 447],
}

/** They answer ENOSYS, so that programs fall back: this memory counts against no rlimit and shows in no process. */
export const ABSENT_CALLS: Readonly<Record<string, CallNumbers>> = {
  memfd_create: [319, 279],
  shmget: [29, 194],
}

/** Calls that are judged by their arguments, or that need an answer of their own. */
export const JUDGED_CALLS = {
  clone: [56, 220],
  clone3: [435, 435],
  socket: [41, 198],
  socketpair: [53, 199],
  ioctl: [16, 29],
  personality: [135, 92],
  fallocate: [285, 47],
  mknod: [133, null],
  mknodat: [259, 33],
  chmod: [90, null],
  fchmod: [91, 52],
  fchmodat: [268, 53],
  fchmodat2: [452, 452],
  creat: [85, null],
  open: [2, null],
  openat: [257, 56],
  openat2: [437, 437],
} as const satisfies Readonly<Record<string, CallNumbers>>
