"""Stage results as bytes: an exact round trip of the frozen dataclasses of :mod:`qa.types`.

A payload is one byte of schema version, one byte with the length of the type's name, the name (ASCII) and a MessagePack
body (https://github.com/msgpack/msgpack/blob/master/spec.md).  Dataclasses are maps, tuples arrays, enums their values;
a numpy array is ``{"dtype", "shape", "data"}`` in C order.  Floats keep all their bits, NaN and infinities included.
Equal values give equal bytes, so that a payload can be addressed by its hash.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, get_origin

import msgspec
import numpy as np
import numpy.typing as npt

from qa.errors import StoreError

SCHEMA_VERSION = 1
"""Raised whenever an old payload would be read wrongly.  A new field with a default needs no new version."""

T = TypeVar("T")
_NUMERIC_KINDS = "biufc"
_CURE = "请重新运行评分，程序会重新计算该数据"


def _type_name(type_: Any) -> str:
    return str(getattr(get_origin(type_) or type_, "__name__", type_))


def _to_builtin(value: Any) -> Any:
    """msgspec's hook for what it does not know: arrays and numpy scalars."""
    if isinstance(value, np.ndarray) and value.dtype.kind in _NUMERIC_KINDS:
        return {"dtype": value.dtype.str, "shape": list(value.shape), "data": value.tobytes()}
    if isinstance(value, np.generic) and value.dtype.kind in _NUMERIC_KINDS:
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} has no stored form")


def _array(stored: dict[str, Any]) -> npt.NDArray[Any]:
    dtype = np.dtype(str(stored["dtype"]))
    shape = tuple(int(n) for n in stored["shape"])
    if dtype.kind not in _NUMERIC_KINDS or any(n < 0 for n in shape):
        raise ValueError(f"an array of {dtype} {shape} is never stored")
    if math.prod(shape) * dtype.itemsize != len(stored["data"]):
        raise ValueError("the array's data do not fit its shape")
    # an array over a bytes object is read-only from birth
    return np.frombuffer(stored["data"], dtype).reshape(shape)


def _from_builtin(type_: Any, stored: Any) -> Any:
    if (get_origin(type_) or type_) is np.ndarray:
        return _array(stored)
    raise NotImplementedError(f"{type_} has no stored form")


def encode(value: object) -> bytes:
    """Bytes of a frozen dataclass, or of a tuple or builtin, that :func:`decode` turns back into an equal value.

    Errors: :class:`StoreError` for a value that holds something without a stored form.
    """
    name = _type_name(type(value)).encode("ascii", "replace")[:255]
    try:
        body = msgspec.msgpack.encode(value, enc_hook=_to_builtin)
    except (NotImplementedError, msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError) as error:
        raise StoreError(_type_name(type(value)), f"该数据无法保存（{error}）", "请检查文件名和文字是否为合法的 UTF-8") from error
    return bytes([SCHEMA_VERSION, len(name)]) + name + body


def decode(data: bytes, type_: type[T]) -> T:
    """The value of ``type_`` that :func:`encode` wrote; its arrays are read-only.

    Errors: :class:`StoreError` for another schema version, another type, or bytes that are no such payload.
    """
    wanted = _type_name(type_)
    if len(data) < 2 or data[0] != SCHEMA_VERSION:
        found = data[0] if data else None
        raise StoreError(wanted, f"数据格式版本为 {found}，本程序只能读取版本 {SCHEMA_VERSION}", _CURE)
    end = 2 + data[1]
    name = data[2:end].decode("ascii", "replace")
    if name != wanted:
        raise StoreError(wanted, f"保存的数据是 {name!r}，不是 {wanted}", _CURE)
    try:
        return msgspec.msgpack.decode(data[end:], type=type_, dec_hook=_from_builtin)
    except (msgspec.MsgspecError, NotImplementedError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreError(wanted, f"保存的数据已损坏（{error}）", _CURE) from error
