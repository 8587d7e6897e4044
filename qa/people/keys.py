"""Files of keys beside the database: 256 random bits in hexadecimal, which their owner alone can read."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from qa.errors import StoreError

BYTES = 32


@dataclass(frozen=True)
class KeyFile:
    """``suffix``: after the database's name; ``title`` (Chinese): what errors call it; ``lost``: what cannot be done without it."""

    suffix: str
    title: str
    lost: str

    def path(self, db: Path) -> Path:
        """Beside the database."""
        return db.with_name(db.name + self.suffix)

    def read(self, db: Path) -> bytes:
        """Errors: :class:`StoreError` where it is missing, cut short or cannot be read."""
        path = self.path(db)
        try:
            text = path.read_text("ascii").strip()
            if len(text) == 2 * BYTES:
                return bytes.fromhex(text)
            raise StoreError(str(path), f"{self.title}不完整", "请从备份恢复该文件")
        except FileNotFoundError:
            raise StoreError(str(path), f"{self.title}不见了", f"请从备份恢复该文件；{self.lost}") from None
        except (OSError, ValueError) as error:
            raise StoreError(str(path), f"{self.title}读不了（{error}）", "请检查文件的权限，或从备份恢复该文件") from error

    def make(self, db: Path) -> bytes:
        """A new one.  Errors: :class:`StoreError` where there is one already or the folder cannot be written."""
        made, path = secrets.token_bytes(BYTES), self.path(db)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(made.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(str(path), f"{self.title}写不了（{error.strerror}）", "请检查文件夹是否可写") from error
        return made
