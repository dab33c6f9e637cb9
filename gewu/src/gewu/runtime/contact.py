"""A reporter's contact travels and rests sealed: intake holds the public key, and no service the private ones.

libsodium's sealed boxes (X25519, XSalsa20-Poly1305) under a key that rotates: the newest seals, all that are kept open.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from gewu.runtime.files import replace


@dataclass(frozen=True, slots=True)
class Sealed:
    """A box and the id of the key that opens it."""

    key_id: str
    box: bytes


class Sealer:
    """Seals under the newest public key."""

    def __init__(self, key_id: str, public: bytes) -> None:
        self.key_id = key_id
        self._box = SealedBox(PublicKey(public))

    @classmethod
    def read(cls, path: Path) -> "Sealer":
        """From a file of {"key_id", "public"} (hex)."""
        said = json.loads(path.read_text())
        return cls(said["key_id"], bytes.fromhex(said["public"]))

    def seal(self, plain: bytes) -> Sealed:
        """Nobody who lacks the private key can open this, its sealer included."""
        return Sealed(self.key_id, self._box.encrypt(plain))


class Opener:
    """Opens with any private key that is kept.

    No service calls it yet: dispatch will, to seal a contact anew for notify (decision 0003). Until then it is the proof
    that what intake seals can be opened with what `gewu keys` keeps.
    """

    def __init__(self, private: dict[str, bytes]) -> None:
        self._boxes = {k: SealedBox(PrivateKey(v)) for k, v in private.items()}

    @classmethod
    def read(cls, path: Path) -> "Opener":
        """From a file of {key_id: private} (hex), newest last."""
        return cls({k: bytes.fromhex(v) for k, v in json.loads(path.read_text()).items()})

    def open(self, sealed: Sealed) -> bytes | None:
        """The contact, or None when its key is gone (which is how contacts are forgotten) or the box was tampered with."""
        box = self._boxes.get(sealed.key_id)
        try:
            return box.decrypt(sealed.box) if box else None
        except CryptoError:
            return None


def rotate(private_file: Path, public_file: Path, key_id: str) -> None:
    """Make a new pair: the private half is added to those that are kept, the public half replaces intake's.

    The private half is in force first: nothing may be sealed for a key that a crash could lose.
    """
    kept = json.loads(private_file.read_text()) if private_file.exists() else {}
    replace(private_file, json.dumps({**kept, key_id: bytes(PrivateKey.generate()).hex()}, indent=2))
    rewrite_public(private_file, public_file)


def rewrite_public(private_file: Path, public_file: Path) -> None:
    """Write the public half of the newest private key; ValueError where the private file holds none."""
    kept = list(json.loads(private_file.read_text()).items())
    if not kept:
        raise ValueError("there is no private key in it")
    key_id, private = kept[-1]
    public = PrivateKey(bytes.fromhex(private)).public_key
    replace(public_file, json.dumps({"key_id": key_id, "public": bytes(public).hex()}))
