// Names by which loading a pickle in Python would run a program, reach the network or the disk. A file that mentions one is
// refused, though nothing would be executed here: whoever made it meant to, and the same file goes to Python next.
// Source: Python's documentation of `pickle` ("Restricting globals"); the standard library's index of modules.

const MODULES = new Set([
  ...[
    'os',
    'posix',
    'nt',
    'posixpath',
    'ntpath',
    'sys',
    'subprocess',
    '_posixsubprocess',
    'commands',
    'popen2',
    'pty',
  ],
  ...[
    'shutil',
    'socket',
    '_socket',
    'ssl',
    'http',
    'httplib',
    'urllib',
    'urllib2',
    'requests',
    'aiohttp',
    'httpx',
    'paramiko',
  ],
  ...['ftplib', 'smtplib', 'telnetlib', 'webbrowser', 'asyncio', 'multiprocessing', '_thread', 'ctypes'],
  ...[
    'importlib',
    'imp',
    'pkgutil',
    'runpy',
    'code',
    'codeop',
    'pdb',
    'bdb',
    'cProfile',
    'profile',
    'timeit',
    'trace',
    'doctest',
  ],
  ...['pickle', '_pickle', 'cPickle', 'marshal', 'shelve', 'tempfile', 'fileinput', 'linecache', 'io', '_io'],
  ...[
    'pip',
    'setuptools',
    'distutils',
    'venv',
    'ensurepip',
    'sqlite3',
    'pydoc',
    'idlelib',
    'lib2to3',
    'platform',
    'types',
  ],
]);

/** Plain values of those modules, which files of the field hold. */
const PLAIN = new Set([
  ...[
    'types.SimpleNamespace',
    'types.MappingProxyType',
    'types.MethodType',
    'types.GenericAlias',
    'types.NoneType',
  ],
  ...['io.BytesIO', '_io.BytesIO', 'io.StringIO', '_io.StringIO', 'os.stat_result', 'os.terminal_size'],
  ...['urllib.parse.ParseResult', 'urllib.parse.SplitResult', 'http.HTTPStatus', 'platform.uname_result'],
]);

const PREFIXES = [
  'torch.hub.',
  'torch.package.',
  'torch.utils.cpp_extension.',
  'torch.distributed.rpc.',
  'torch.multiprocessing.',
  'torch.utils.bottleneck.',
  'torch.utils.collect_env.',
  'torch._dynamo.',
  'torch._inductor.',
  'numpy.testing.',
  'numpy.f2py.',
  'numpy.distutils.',
];

const BUILTINS = new Set(
  '__import__ eval exec execfile compile open input raw_input breakpoint globals locals vars file apply delattr setattr'.split(
    ' ',
  ),
);

const NAMES = new Set([
  'torch.load',
  'torch.jit.load',
  'torch.jit._serialization.load',
  'torch.save',
  'torch.serialization.load',
  'torch.serialization.save',
  'numpy.load',
  'numpy.save',
  'numpy.fromfile',
  'numpy.memmap',
  'numpy.loadtxt',
  'numpy.core.memmap',
  'operator.methodcaller',
  'functools.reduce',
]);

/**
 * Whether Python would run something for this global.
 * @param name such as `posix.system`; a dotted name of protocol 4, such as `builtins.getattr.__class__`, counts by its beginning
 */
export function runsPrograms(name: string): boolean {
  const [top = '', second = ''] = name.split('.');
  if (PLAIN.has(name)) return false;
  if (top === 'builtins' || top === '__builtin__') return BUILTINS.has(second);
  return MODULES.has(top) || NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}
