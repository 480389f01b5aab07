"""Image files that Pillow cannot write: more bits, more channels, damaged EXIF data."""

import struct
import zlib

import numpy as np


def png_bytes(array):
    """Return a PNG of an array H x W (x 2, 3 or 4), uint8 or uint16."""
    array = array if array.ndim == 3 else array[..., None]
    height, width, channels = array.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * array.itemsize, kind, 0, 0, 0)
    rows = array.astype(array.dtype.newbyteorder(">"))
    pixels = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def tiff_bytes(array, photometric, extra=(), order="<", sample_format=None):
    """Return an uncompressed TIFF of an array H x W x C."""
    height, width, channels = array.shape
    pixels = array.astype(array.dtype.newbyteorder(order)).tobytes()
    entries = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [8 * array.itemsize] * channels),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [8]),
        277: (3, [channels]),
        278: (3, [height]),
        279: (4, [len(pixels)]),
    }
    if extra:
        entries[338] = (3, list(extra))
    if sample_format:
        entries[339] = (3, [sample_format] * channels)
    start = 8 + len(pixels)
    after = start + 2 + 12 * len(entries) + 4
    table, far = b"", b""
    for tag in sorted(entries):
        kind, values = entries[tag]
        content = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(content) > 4:
            far_at = after + len(far)
            far += content
            content = struct.pack(f"{order}I", far_at)
        table += struct.pack(f"{order}HHI", tag, kind, len(values)) + content.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + pixels + struct.pack(f"{order}H", len(entries)) + table + bytes(4) + far


def ppm_bytes(array, largest):
    """Return a binary PPM or PGM with values up to `largest`."""
    kind = b"P6" if array.ndim == 3 else b"P5"
    head = b"%s\n# a comment\n%d %d\n%d\n" % (kind, array.shape[1], array.shape[0], largest)
    return head + array.astype(">u2" if largest > 255 else "u1").tobytes()


def random_array(*shape, high=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, high, shape, dtype=dtype)
