"""What an image file holds in each pixel, by its header: Pillow reduces it to 8 bits and 4 channels without a word."""

import re
from typing import NamedTuple

HEADER_BYTES = 4096
# The photometric interpretations of TIFF 6.0 and their channels: grey (0 is white, 0 is black), RGB, palette, mask,
# CMYK, YCbCr, L*a*b*.
TIFF_CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3}
TIFF_ALPHA = (1, 2, 999)  # associated, unassociated, as Corel Draw has it
TIFF_UNSIGNED = (1, 4)  # unsigned, undefined
BITS, CHANNELS, ALPHA, FORMAT, PHOTOMETRIC = 258, 277, 338, 339, 262
PPM_HEADER = re.compile(rb"P[2356]" + rb"(?:\s|#[^\n]*\n)+(\d+)" * 3)
CODESTREAM = b"\xff\x4f\xff\x51"
# Boxes of the ISO base media format with other boxes in them, and how many bytes come before those.
CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0}

SCALE = "scale the values that count to 0-255, in the same way for all images, and save them with 8 bits a channel"
SEPARATE = "save grey or the three channels that count; channels that are no colours need a data set for each three"


class Samples(NamedTuple):
    """Bits of a value, whether values are whole numbers from 0, and how many channels are no colour and no alpha."""

    bits: int = 8
    unsigned: bool = True
    channels: int = 1
    unknown: int = 0


def lost_by_pillow(file):
    """Return what of an image's pixels would be lost, and what helps, or None.

    Parameters
    ----------
    file : binary file
        At its start.

    Returns
    -------
    tuple of str or None
        What the file has, and an advice.

    Raises
    ------
    Exception
        Of many kinds, for a damaged header.
    """
    samples = _samples(file, file.read(HEADER_BYTES))
    if not samples.unsigned:
        return "has values that are signed or fractions", SCALE
    if samples.bits > 8:
        return f"has {samples.bits} bits a channel", SCALE
    if samples.unknown:
        which = "one is" if samples.unknown == 1 else f"{samples.unknown} are"
        return f"has {samples.channels} channels, of which {which} neither colour nor marked as transparency", SEPARATE
    return None


def _samples(file, start):
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return Samples(start[24])
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff(file, start)
    if start.startswith(b"\xff\xd8\xff"):
        return Samples(_jpeg_bits(file))
    if match := PPM_HEADER.match(start):
        return Samples(int(match[3]).bit_length())
    if start[4:8] == b"ftyp":
        return Samples(max((_av1_bits(box) for kind, box in _boxes(file) if kind == b"av1C"), default=8))
    if start.startswith(CODESTREAM):
        return _jpeg2000(start)
    if start.startswith(b"\0\0\0\x0cjP  "):
        return next((_jpeg2000(box) for kind, box in _boxes(file) if kind == b"jp2c"), Samples())
    return Samples()


def _tiff(file, start):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags = ImageFileDirectory_v2(start[:16] if 43 in start[2:4] else start[:8])
    file.seek(tags.next)
    tags.load(file)
    channels, extra = tags.get(CHANNELS, 1), tags.get(ALPHA, ())
    others = channels - TIFF_CHANNELS.get(tags.get(PHOTOMETRIC, 0), channels)
    return Samples(
        bits=max(tags.get(BITS, (1,))),
        unsigned=all(kind in TIFF_UNSIGNED for kind in tags.get(FORMAT, (1,))),
        channels=channels,
        unknown=max(others - (len(extra) > 0 and extra[0] in TIFF_ALPHA), 0),
    )


def _jpeg_bits(file):
    """Return the precision in the header of the frame (ITU-T T.81, B.2.2)."""
    file.seek(2)
    while (marker := file.read(2)) and marker[0] == 0xFF:
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            return file.read(3)[2]
        if marker[1] == 0xFF:  # a fill byte
            file.seek(-1, 1)
        else:
            file.seek(max(int.from_bytes(file.read(2)) - 2, 0), 1)
    return 8


def _av1_bits(box):
    """Return the bits of a value by an AV1 configuration (AV1 in ISOBMFF 1.2, section 2.3.3)."""
    high, twelve = box[2] & 0x40, box[2] & 0x20
    return (12 if twelve else 10) if high else 8


def _jpeg2000(codestream):
    """Return the samples by the marker SIZ (ISO/IEC 15444-1, A.5.1)."""
    count = int.from_bytes(codestream[40:42])
    depths = codestream[42 : 42 + 3 * count : 3]
    # One or three are colours, two and four have transparency besides, or are CMYK.
    return Samples(
        bits=max((depth & 0x7F) + 1 for depth in depths),
        unsigned=not any(depth & 0x80 for depth in depths),
        channels=count,
        unknown=max(count - 4, 0),
    )


def _boxes(file, start=0, end=None):
    """Yield kind and first bytes of the boxes of a file, and of those in `CONTAINERS`."""
    end = file.seek(0, 2) if end is None else end
    while start + 8 <= end:
        file.seek(start)
        size, kind = int.from_bytes(file.read(4)), file.read(4)
        content = start + 8
        if size == 1:
            size, content = int.from_bytes(file.read(8)), start + 16
        stop = end if size == 0 else min(start + size, end)
        if stop < content:
            return
        if kind in CONTAINERS:
            yield from _boxes(file, content + CONTAINERS[kind], stop)
        else:
            yield kind, file.read(min(stop - content, HEADER_BYTES))
        start = stop
