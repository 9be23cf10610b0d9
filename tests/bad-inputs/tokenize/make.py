"""Writes the binary bad inputs of this folder. Run it here: python3 make.py"""

import gzip
import io
import struct


def pack(data):
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as file:
        file.write(data)
    return buffer.getvalue()


def zstd_frame(data, block_type=0):
    """A zstd frame with one block (RFC 8878, 3.1.1); type 0 is raw, 3 is reserved."""
    header = b"\x28\xb5\x2f\xfd" + bytes([0x20, len(data)])
    return header + struct.pack("<I", len(data) << 3 | block_type << 1 | 1)[:3] + data


def write(name, data):
    with open(name, "wb") as file:
        file.write(data)


FASTA = b"".join(b">record_%d\n%s\n" % (i, b"ACGTTGCAGG" * (20 + i)) for i in range(8))

write("truncated.fasta.gz", pack(FASTA)[:-20])
write("cut_in_second_member.fasta.gz", pack(FASTA) + pack(FASTA.replace(b"record", b"other"))[:-9])
damaged = bytearray(pack(FASTA))
damaged[-5] ^= 0xFF  # the length field no longer agrees
damaged[-8] ^= 0xFF  # nor does the checksum
write("bad_checksum.fasta.gz", bytes(damaged))
write("trailing_garbage.fasta.gz", pack(FASTA) + b"\x1f\x8bgarbage")
write("header_only.gz", b"\x1f\x8b")
write("empty_member.fasta.gz", pack(b""))
write("corrupt.fasta.zst", zstd_frame(b">a\nACGTACGTACGT\n", block_type=3))
write("truncated.fasta.zst", zstd_frame(b">a\nACGTACGTACGT\n")[:-4])
write("bomb_sequence.fasta.gz", pack(b">bomb\n" + b"A" * 4_000_000))
write("bomb_header.fasta.gz", pack(b">" + b"A" * 4_000_000))
write("bomb_newlines.fasta.gz", pack(b">bomb\n" + b"\n" * 4_000_000))
write("bomb_quality.fastq.gz", pack(b"@bomb\nACGT\n+\n" + b"I" * 4_000_000))
write("bomb_line.tsv.gz", pack(b"id\tgenus\na\t" + b"A" * 4_000_000))
write("double_packed.fasta.gz", pack(pack(FASTA)))
write("elf.fasta", b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00")
write("zip.fasta", b"PK\x03\x04\x14\x00\x00\x00\x08\x00")
write("binary_after_header.fasta", b">a\n\x00\x01\x02\xff\xfe\nACGT\n")
write("nul_in_sequence.fasta", b">a\nACGTAC\x00GTACGT\n")
write("nul_in_identifier.fasta", b">a\x00b\nACGTACGT\n")
write("identifier_not_utf8.fasta", b">caf\xe9\nACGTACGT\n")
write("old_mac_line_ends.fasta", b">a\rACGTACGT\r>b\rACGTACGT\r")
write("utf16.tsv", "id\tgenus\na\tX\n".encode("utf-16"))
write("not_utf8.tsv", b"id\tsuperkingdom\tphylum\tgenus\na\tBacteria\tP\tCaf\xe9\n")
write("nul.tsv", b"id\tsuperkingdom\tphylum\tgenus\na\tBacteria\tP\tX\x00Y\n")
write("empty.fasta", b"")
write("empty.tsv", b"")
write("crlf_short_quality.fastq", b"@a\r\nACGTACGT\r\n+\r\nIIIIIII\r\n")
write("long_identifier.fasta.gz", pack(b">a\nACGTACGT\n>" + b"x" * 65_537 + b"\nACGTACGT\n"))
write("long_identifier.fastq.gz", pack(b"@" + b"x" * 65_537 + b"\nACGTACGT\n+\nIIIIIIII\n"))
write("bomb_header.fastq.gz", pack(b"@" + b"A" * 4_000_000))
write("long_taxon.tsv.gz", pack(b"id\tgenus\na\tX\nb\t" + b"x" * 4097 + b"\n"))
write("long_taxon_of_lineage.tsv.gz", pack(b"id\tlineage\na\td__A;p__B;g__" + b"x" * 4097 + b"\n"))
write("long_identifier.tsv.gz", pack(b"id\tgenus\n" + b"x" * 65_537 + b"\tX\n"))
write("zeros_and_garbage.fasta.gz", pack(FASTA) + bytes(512) + b"garbage")
# A window of 2^31 bytes (RFC 8878, 3.1.1.1.2) and one raw block.
write("long_window.fasta.zst", b"\x28\xb5\x2f\xfd\x00\xa8" + struct.pack("<I", 16 << 3 | 1)[:3] + b">a\nACGTACGTACGT\n")
