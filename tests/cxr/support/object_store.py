"""Mounts a folder with the limits of an object store or a network drive: object_store.py MODE FOLDER MOUNTPOINT.

MODE: `rename-closed` renames and removes only files that nobody has open, `no-rename` renames none,
`in-order` writes files from the beginning to the end only, `small-files` holds no file of more than 1 MB,
`ignore-case` finds every name in upper and lower case, each with a file number of its own as on exFAT, `slow` opens five files a second, and `many` lists
100,000 files more in each folder.
"""

import errno
import itertools
import os
import stat
import sys
import time

from fuse import FUSE, FuseOSError, Operations

MODE, ROOT, POINT = sys.argv[1:]


def with_case(path):
    """Returns the path with the names that exist, where they exist in another case."""
    found = ""
    for name in filter(None, path.split("/")):
        names = os.listdir(ROOT + found) if os.path.isdir(ROOT + found) else []
        found += "/" + next((other for other in names if other.lower() == name.lower()), name)
    return found or "/"


class ObjectStore(Operations):
    def __init__(self):
        self.open_files = {}
        self.next = {}

    def __call__(self, operation, path, *arguments):
        if MODE == "ignore-case":
            path = with_case(path)
        return super().__call__(operation, path, *arguments)

    def getattr(self, path, fh=None):
        status = os.lstat(ROOT + path)
        return {key: getattr(status, key) for key in dir(status) if key.startswith("st_")}

    def readdir(self, path, fh):
        names = [".", "..", *os.listdir(ROOT + path)]
        if MODE != "many":
            return names
        more = ((f"unknown-{number}.png", {"st_mode": stat.S_IFREG | 0o644}, 0) for number in range(100_000))
        return itertools.chain(names, more)

    def statfs(self, path):
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 0, "f_bavail": 0}

    def mkdir(self, path, mode):
        os.mkdir(ROOT + path, mode)

    def rmdir(self, path):
        os.rmdir(ROOT + path)

    def unlink(self, path):
        os.unlink(ROOT + path)

    def rename(self, path, new):
        if MODE == "no-rename":
            raise FuseOSError(errno.ENOSYS)
        if MODE == "rename-closed" and (self.open_files.get(path) or self.open_files.get(new)):
            raise FuseOSError(errno.ENOTSUP)
        os.rename(ROOT + path, ROOT + new)

    def utimens(self, path, times=None):
        os.utime(ROOT + path, times)

    def opened(self, path, fh):
        self.open_files[path] = self.open_files.get(path, 0) + 1
        return fh

    def open(self, path, flags):
        if MODE == "slow":
            time.sleep(0.2)
        return self.opened(path, os.open(ROOT + path, flags & ~os.O_APPEND))

    def create(self, path, mode, fi=None):
        return self.opened(path, os.open(ROOT + path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode))

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        if MODE == "in-order" and self.next.get(fh, 0) != offset:
            raise FuseOSError(errno.EINVAL)
        if MODE == "small-files" and offset + len(data) > 1000000:
            raise FuseOSError(errno.EFBIG)
        self.next[fh] = offset + len(data)
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        if MODE == "in-order" and length:
            raise FuseOSError(errno.ENOTSUP)
        os.truncate(ROOT + path, length)

    def flush(self, path, fh):
        return 0

    def release(self, path, fh):
        self.next.pop(fh, None)
        self.open_files[path] -= 1
        os.close(fh)
        return 0

    def fsync(self, path, datasync, fh):
        os.fsync(fh)


FUSE(ObjectStore(), POINT, foreground=True, nothreads=True)
