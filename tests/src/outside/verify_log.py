"""Verifies a decision log by its documented format, and shares no code with what writes it.

    verify_log.py log DIRECTORY VERIFIER_KEY       every segment, the tree, every checkpoint
    verify_log.py proof FILE VERIFIER_KEY          one inclusion proof

Prints what it found as JSON and exits with 0 if all is well, else says what is not and exits
with 1. Needs nothing but Python.

Written from the comments of `segment.rs`, `frame.rs` and `record.proto`, from RFC 6962 (section
2.1) by its recursive definition, from C2SP signed-note, tlog-checkpoint and tlog-proof, and from
RFC 8032 for Ed25519. It is slow on purpose: nothing in it is cleverer than the texts.
"""

import base64
import hashlib
import json
import pathlib
import struct
import sys
import zlib


class Wrong(Exception):
    """Something is not as it was written."""


# --- Ed25519 (RFC 8032, section 5.1), verification only ---------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    """Adds points in extended coordinates (section 5.1.4)."""
    e1 = (a[1] - a[0]) * (b[1] - b[0]) % P
    e2 = (a[1] + a[0]) * (b[1] + b[0]) % P
    e3 = 2 * a[3] * b[3] * D % P
    e4 = 2 * a[2] * b[2] % P
    e, f, g, h = e2 - e1, e4 - e3, e4 + e3, e2 + e1
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        scalar >>= 1
    return result


def point_decompress(data):
    """Section 5.1.3; None if the bytes are no point."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_MINUS_1 % P
    if (x * x - x2) % P != 0:
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point_decompress(BASE_Y.to_bytes(32, "little"))


def ed25519_verifies(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = point_decompress(public), point_decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(digest, "little") % L
    return point_equal(point_multiply(s, BASE), point_add(r, point_multiply(k, key)))


# --- Signed notes and checkpoints (C2SP) ------------------------------------------------------


def read_key(text):
    """`<name>+<id>+<key>`: the name, the id's four bytes, and the public key."""
    name, key_id, key = text.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[:1] != b"\x01" or len(key) != 33:
        raise Wrong("the key is not one for Ed25519")
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if bytes.fromhex(key_id) != expected:
        raise Wrong("the key's id is not that of the key")
    return name, expected, key[1:]


def read_checkpoint(note, key):
    """The size and the root that the key's owner signed."""
    name, key_id, public = key
    text, separator, signatures = note.rpartition("\n\n")
    if not separator:
        raise Wrong("a note has no signature")
    text += "\n"
    signed = False
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4] == key_id:
            if not ed25519_verifies(public, text.encode(), signature[4:]):
                raise Wrong("a signature does not hold")
            signed = True
    if not signed:
        raise Wrong("a checkpoint is not signed with the key")
    origin, size, root = text.splitlines()[:3]
    if origin != name:
        raise Wrong("a checkpoint is of another log")
    return int(size), base64.b64decode(root, validate=True)


# --- The Merkle tree (RFC 6962, section 2.1) --------------------------------------------------


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size):
    """The largest power of two smaller than `size`."""
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def tree_hash(leaves, known):
    """The definition itself. Subtrees that were computed before are looked up by their place."""

    def of(start, end):
        if start == end:
            return hashlib.sha256(b"").digest()
        if end - start == 1:
            return leaves[start]
        if (start, end) not in known:
            k = split(end - start)
            known[start, end] = node_hash(of(start, start + k), of(start + k, end))
        return known[start, end]

    return of(0, len(leaves))


def root_from_path(index, size, leaf, path):
    """Where the path leads, by the recursive definition of PATH (section 2.1.1)."""
    if size == 1:
        if path:
            raise Wrong("the proof is too long")
        return leaf
    if not path:
        raise Wrong("the proof is too short")
    k = split(size)
    *rest, last = path
    if index < k:
        return node_hash(root_from_path(index, k, leaf, rest), last)
    return node_hash(last, root_from_path(index - k, size - k, leaf, rest))


# --- Protocol Buffers, as far as it takes -----------------------------------------------------


def fields(data):
    """Each field's number and value."""

    def varint(at):
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise Wrong("a record is no message")
            byte = data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    at = 0
    while at < len(data):
        tag, at = varint(at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(at)
        else:
            if kind == 1:
                length = 8
            elif kind == 5:
                length = 4
            elif kind == 2:
                length, at = varint(at)
            else:
                raise Wrong("a record is no message")
            if at + length > len(data):
                raise Wrong("a record is no message")
            value, at = data[at : at + length], at + length
        yield tag >> 3, value


def checkpoint_note(record):
    """The note, if the record is a checkpoint: field 5, and in it field 1."""
    for number, value in fields(record):
        if number == 5:
            return next((note.decode() for inner, note in fields(value) if inner == 1), "")
    return None


# --- Segments and frames ----------------------------------------------------------------------


def read_segment(path, is_last):
    """The segment's first index, the root before it, and its records."""
    data = path.read_bytes()
    if len(data) < 80 or data[:16] != b"palisade log v1\n":
        raise Wrong(f"{path.name}: no header")
    first, _begun = struct.unpack_from("<Qq", data, 16)
    (checksum,) = struct.unpack_from("<I", data, 76)
    if zlib.crc32(data[:76]) != checksum or data[64:76] != bytes(12):
        raise Wrong(f"{path.name}: the header is damaged")
    if path.name != f"{first:020}.log":
        raise Wrong(f"{path.name}: the header is of another segment")
    records, at = [], 80
    while any(data[at : at + 16]):
        if at + 16 > len(data):
            raise Wrong(f"{path.name}: a record is cut off at byte {at}")
        length, checksum = struct.unpack_from("<II", data, at)
        payload = data[at + 16 : at + 16 + length]
        summed = data[at : at + 4] + data[at + 8 : at + 16] + payload
        if len(payload) != length or zlib.crc32(summed) != checksum:
            raise Wrong(f"{path.name}: a record is damaged at byte {at}")
        records.append(payload)
        at += 16 + length
    if any(data[at:]):
        raise Wrong(f"{path.name}: something stands after the records at byte {at}")
    if at < len(data) and not is_last:
        raise Wrong(f"{path.name}: space is left in a segment that is finished")
    return first, data[32:64], records


def verify_log(directory, key):
    paths = sorted(pathlib.Path(directory).glob("*.log"))
    leaves, known, checkpoints = [], {}, 0
    for path in paths:
        first, root, records = read_segment(path, path == paths[-1])
        if first != len(leaves):
            raise Wrong(f"{path.name}: records are missing before it")
        if root != tree_hash(leaves, known):
            raise Wrong(f"{path.name}: the root in its header is not that of the records before")
        for record in records:
            index = len(leaves)
            if record[:9] != b"\x09" + struct.pack("<Q", index):
                raise Wrong(f"record {index} says that it is another")
            note = checkpoint_note(record)
            if note is not None:
                size, root = read_checkpoint(note, key)
                if size != index or root != tree_hash(leaves, known):
                    raise Wrong(f"record {index}: the checkpoint is of other records")
                checkpoints += 1
            leaves.append(leaf_hash(record))
    return {
        "records": len(leaves),
        "segments": len(paths),
        "checkpoints": checkpoints,
        "root": tree_hash(leaves, known).hex(),
    }


def verify_proof(path, key):
    proof, _, note = pathlib.Path(path).read_text(encoding="utf-8").partition("\n\n")
    first, extra, index, *hashes = proof.split("\n")
    if first != "c2sp.org/tlog-proof@v1" or extra[:6] != "extra " or index[:6] != "index ":
        raise Wrong("this is no proof")
    record, index = base64.b64decode(extra[6:], validate=True), int(index[6:])
    size, root = read_checkpoint(note, key)
    if index >= size:
        raise Wrong("the record comes after the checkpoint")
    path = [base64.b64decode(line, validate=True) for line in hashes]
    if root_from_path(index, size, leaf_hash(record), path) != root:
        raise Wrong("the record is not in the tree of the checkpoint")
    if record[:9] != b"\x09" + struct.pack("<Q", index):
        raise Wrong("the record says that it is another")
    return {"index": index, "size": size, "root": root.hex()}


def main():
    what, path, key = sys.argv[1:]
    verify = {"log": verify_log, "proof": verify_proof}[what]
    try:
        print(json.dumps(verify(path, read_key(key))))
    except Wrong as error:
        sys.exit(f"wrong: {error}")
    except (ValueError, IndexError) as error:
        # What cannot be parsed was not written by us either.
        sys.exit(f"wrong: {error!r}")


main()
