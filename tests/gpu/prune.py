"""Keeps the code of one GPU architecture in a CUDA library, so that it packs small.

    python3 tests/gpu/prune.py LIBRARY OUT SM          for example 90

The code of others becomes zeros: no offset changes. Sections `.nv_fatbin` hold containers, each with a header and entries.
"""

import struct
import sys

MAGIC = struct.pack("<I", 0xBA55ED50)
SECTION = ".nv_fatbin"


def sections(data):
    """Names, offsets and sizes of an ELF file's sections."""
    if data[:5] != b"\x7fELF\x02":
        sys.exit("prune.py: the library is no 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names_at = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + size * index) for index in range(count)]
    names = headers[names_at][4]
    for name, _, _, _, offset, length in headers:
        start = names + name
        yield data[start : data.index(0, start)].decode(), offset, length


def prune(data, keep):
    """Blanks entries of other architectures in place. Returns the bytes kept and blanked."""
    kept = blanked = 0
    for name, start, length in list(sections(data)):
        if not name.startswith(SECTION):
            continue
        at, end = start, start + length
        while (at := data.find(MAGIC, at, end)) >= 0:
            header, size = struct.unpack_from("<HQ", data, at + 6)
            entry, at = at + header, at + header + size
            while entry + 32 <= at:
                (head,) = struct.unpack_from("<I", data, entry + 4)
                (body,) = struct.unpack_from("<Q", data, entry + 8)
                (architecture,) = struct.unpack_from("<I", data, entry + 28)
                if head == 0 or entry + head + body > at:
                    break
                if architecture == keep:
                    kept += body
                else:
                    data[entry + head : entry + head + body] = bytes(body)
                    blanked += body
                entry += head + body
    return kept, blanked


def main():
    library, out, keep = sys.argv[1:4]
    with open(library, "rb") as file:
        data = bytearray(file.read())
    kept, blanked = prune(data, int(keep))
    if kept == 0:
        sys.exit(f"prune.py: {library} has no code for sm_{keep}")
    with open(out, "wb") as file:
        file.write(data)
    print(f"prune: {kept / 1e6:.0f} MB for sm_{keep} kept, {blanked / 1e6:.0f} MB for others blanked")


if __name__ == "__main__":
    main()
