"""Running PostgreSQL when the launcher is root, whom it refuses, without opening anybody's folders to other users.
(A container's user without an entry in /etc/passwd, whom initdb refuses, is helped by the first way too.)

Changing to another user is not enough: a checkout or an environment below a folder of mode 700 (root's home,
`mktemp -d`) is out of that user's reach, and loosening such folders, or copying the server out of them, leaves a
machine changed. So:

1. a user namespace in which root bears an unprivileged number: to the files it is still their owner, to PostgreSQL it
   is nobody, and every privilege is gone;
2. where the kernel or a container forbids that: the unprivileged user, keeping the one capability of root's that passes
   file permissions (CAP_DAC_OVERRIDE, among a container's usual ones).

Which one works is found by running the server's own binary with it.
"""

import ctypes
import errno
import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gewu.dev.children import CannotStart

_CLONE_NEWUSER = 0x10000000
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Rights:
    """How a server that refuses root is run: what its child does before exec, and who must own its data."""

    name: str
    drop: Callable[[], None] | None
    uid: int
    gid: int


def unprivileged(probe: tuple[str, ...], cwd: Path) -> Rights:
    """The first way to be somebody else than root under which `probe` runs. Raises CannotStart where there is none."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Rights("as the launcher's own user", None, os.geteuid(), os.getegid())
    problems = []
    for rights in (user_namespace(), other_user()):
        try:
            subprocess.run(probe, preexec_fn=rights.drop, cwd=cwd, check=True, capture_output=True, timeout=30)
        except (OSError, subprocess.SubprocessError) as problem:
            problems.append(f"{rights.name}: {problem}")
        else:
            return rights
    ways = "; ".join(problems)
    raise CannotStart(f"PostgreSQL refuses root and users without a name, and no other could be had here: {ways}. "
                      "Start as an ordinary user")  # fmt: skip


def user_namespace() -> Rights:
    """The launcher's user under an unprivileged number, in a user namespace of its own. Its files remain its own."""
    user = _somebody()
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)

    def drop() -> None:
        _check(libc.unshare(_CLONE_NEWUSER))
        _write("/proc/self/setgroups", "deny")  # else the kernel refuses the group map
        _write("/proc/self/uid_map", f"{user.pw_uid} {uid} 1")
        _write("/proc/self/gid_map", f"{user.pw_gid} {gid} 1")

    return Rights("in a user namespace", drop, uid, gid)


def other_user() -> Rights:
    """An unprivileged user that keeps CAP_DAC_OVERRIDE, through exec, as an ambient capability."""
    user = _somebody()
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the high halves

    def drop() -> None:
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        # Else setresuid takes all capabilities, and access(2), by which initdb looks for its files, heeds none.
        _check(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
        _check(libc.capset(header, sets))
        _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))

    return Rights(f"as {user.pw_name}", drop, user.pw_uid, user.pw_gid)


def give(folder: Path, rights: Rights) -> None:
    """Makes a folder and all in it the property of who runs the server: PostgreSQL wants to own its data."""
    status = folder.stat()
    if (status.st_uid, status.st_gid) == (rights.uid, rights.gid):
        return
    for path in (*folder.rglob("*"), folder):  # the folder itself last: were this cut short, the next start goes on
        os.chown(path, rights.uid, rights.gid, follow_symlinks=False)


def _has_name(uid: int) -> bool:
    """Whether initdb can look the user's name up; a container started under a bare number has none."""
    return any(user.pw_uid == uid for user in pwd.getpwall())


def _somebody() -> pwd.struct_passwd:
    """A user with an entry of its own (initdb looks up its name): nobody, or the first that is not root."""
    users = pwd.getpwall()
    for user in sorted(users, key=lambda user: user.pw_name != "nobody"):
        if user.pw_uid != 0:
            return user
    raise CannotStart("there is no user but root here, and PostgreSQL refuses root: add one, for example 'nobody'")


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno() or errno.EPERM
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
