"""Small file systems that a test fills up. Takes the right to mount."""

import os
import shutil
import subprocess
import sys


def among_own_mounts():
    """The script that runs, once more, where what it mounts is seen by nobody else, and gone with it; False: that cannot be had."""
    if os.environ.get("SYNOD_TEST_MOUNTS"):
        return True
    if not shutil.which("unshare") or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        return False
    os.environ["SYNOD_TEST_MOUNTS"] = "own"
    os.execvp("unshare", ["unshare", "--mount", sys.executable, os.path.abspath(sys.argv[0])] + sys.argv[1:])


class Disk:
    """Of so many bytes, at a path: in memory, where syncs take no time; or, if `synced`, in a file beside it, where a file can be mounted.
    OSError: neither can be."""

    def __init__(self, path, size, synced=False):
        self.path, self.ballast = path, os.path.join(path, "ballast")
        os.mkdir(path)
        if not (synced and self.mount_file(size)):
            self.run("mount", "-t", "tmpfs", "-o", "size=%d" % size, "synod-test", path)

    def mount_file(self, size):
        image = self.path + ".image"
        with open(image, "wb") as f:
            f.truncate(size)
        try:
            self.run("mkfs.ext4", "-q", "-m", "0", image)
            self.run("mount", "-o", "loop", image, self.path)
        except OSError:
            return False
        finally:
            os.remove(image)  # It is there as long as it is mounted.
        return True

    @staticmethod
    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError("%s: %s" % (" ".join(command), done.stderr.strip()))

    def fill(self, left=0):
        """Takes what there is, but for so many bytes."""
        with open(self.ballast, "ab") as f:
            size = f.seek(0, os.SEEK_END)
            for step in (1 << 20, 1 << 12):
                try:
                    while True:
                        os.posix_fallocate(f.fileno(), size, step)
                        size += step
                except OSError:
                    pass  # That was all, in such steps.
            f.truncate(max(0, size - left))

    def free(self):
        os.remove(self.ballast)

    def close(self, keep=False):
        """What is to be kept lies at its path afterwards."""
        kept = self.path + ".kept"
        if keep:
            shutil.copytree(self.path, kept, ignore=shutil.ignore_patterns("ballast", "lost+found"))
        subprocess.run(["umount", "--lazy", self.path])
        if keep:
            os.rmdir(self.path)
            os.rename(kept, self.path)
