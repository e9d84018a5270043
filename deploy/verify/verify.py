#!/usr/bin/env python3
"""Verifies a contest's exported log, or a receipt; written from the description of the log format alone, for auditors to read.

  verify.py log FOLDER --vkey KEY [--earlier CHECKPOINT]...         verify.py receipt FILE --vkey KEY --entry FILE
  With --witness KEY (repeatable) the checkpoint must be cosigned by this witness.
Exit status: 0 nothing found, 1 a discrepancy, 2 unusable input. Needs Python 3.9 and, for Ed25519, the package `cryptography`.
Judged: form and place of every entry, ballots, rulings, the count of plain votes. Not judged: voter tags and ballot ids beyond their first
characters (BLAKE3 is not in Python's library), instants, the inside of `rules`, passes, scores, draws, choices, weights, winners, ties."""
import argparse, base64, functools, hashlib, json, os, re, sys
try: from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError: sys.exit("verify.py needs the package cryptography: apt-get install python3-cryptography")
def need(holds, reason):
    if not holds: raise ValueError(reason)
def attempt(find, place, action, *values):
    try: return action(*values)
    except (ValueError, KeyError, TypeError, RecursionError) as error: find(f"{place}: {error}")
def unusable(reason): sys.exit(print(f"unusable: {reason}") or 2)
def read(*path): return open(os.path.join(*path), "rb").read()

# Section "Hashes" (RFC 6962, 2.1). A tree grows as a list of the roots of its perfect subtrees, the largest first.
def sha(data): return hashlib.sha256(data).digest()
def leaf_hash(entry): return sha(b"\0" + entry)
def node(left, right): return sha(b"\1" + left + right)
def append(subtrees, index, leaf):
    while index & 1: index, leaf = index >> 1, node(subtrees.pop(), leaf)
    subtrees.append(leaf)
def root_of(subtrees): return functools.reduce(lambda right, left: node(left, right), reversed(subtrees)) if subtrees else sha(b"")

# Section "Checkpoint": a signed note. Unknown keys are ignored; a known key with a wrong signature is a rejection.
def open_checkpoint(note, vkey):
    try:
        (name, key_id, key), (text, _, lines) = vkey.strip().split("+", 2), note.decode().rpartition("\n\n")
        key, text, signed = base64.b64decode(key, validate=True), text + "\n", False
        need(len(key) == 33 and sha(name.encode() + b"\n" + key)[:4].hex() == key_id, "this is no verifier key")
        for dash, signer, signature in (line.split(" ") for line in lines.removesuffix("\n").split("\n")):
            signature = base64.b64decode(signature, validate=True)
            if (signer, signature[:4].hex()) == (name, key_id):
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
                signed = dash == "\u2014"
        origin, size, root, *_ = text.split("\n")
        need(signed and origin == name and re.fullmatch("0|[1-9][0-9]*", size), "not signed by the key of this log")
        return int(size), base64.b64decode(root, validate=True)
    except Exception as error: unusable(f"the checkpoint is refused: {error or 'wrong signature'}")

# Section "Witnesses": a cosignature holds key id, time (eight bytes) and a signature of the time and the checkpoint's text.
def demand_cosignature(note, vkey, find):
    if vkey.count("+") < 2: unusable("this is no witness's key")
    (name, key_id, key), (text, _, lines), found = vkey.strip().split("+", 2), note.decode().rpartition("\n\n"), False
    key = base64.b64decode(key)
    if len(key) != 33 or key[0] != 4 or sha(name.encode() + b"\n" + key)[:4].hex() != key_id: unusable("this is no witness's key")
    for line in lines.splitlines():
        signature = base64.b64decode(line.split(" ")[2], validate=True)
        if line.split(" ")[1] == name and signature[:4].hex() == key_id:
            signed = f"cosignature/v1\ntime {int.from_bytes(signature[4:12], 'big')}\n{text}\n".encode()
            try: found = Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[12:], signed) or True
            except Exception: return find(f"the cosignature of {name} is wrong")
    if not found: find(f"the checkpoint is not cosigned by {name}")

# Section "Entries", the table: the keys after `type` in order (`?`: may be absent), and the phases in which the type has its place.
RULING, ALL = "by reason note? at", "open closed certified"
TYPES = {"contest": ("v contest title titles? test time_zone opens closes rules days? previous?", "none"), "closed": ("at", "open"),
    "category": ("id title titles?", "draft"), "entry": ("id category title titles? summary? image? url? details?", "draft"),
    "opened": ("at", "draft"), "ballot": ("id voter channel? period? replaces? at selections", "open"), "issued": ("source passes at", ALL),
    "amended": ("what key to " + RULING, "open closed"), "withdrawn": ("entry " + RULING, "open closed"), "frozen": ("by at", "closed"),
    "voided": ("ballots " + RULING, "open closed"), "reinstated": ("entry? ballots? " + RULING, "open closed"),
    "scores": ("panel juror category criterion? values by at", "open closed"), "certified": ("result by at", "closed"),
    "drawn": ("source seed by at", "closed"), "choice": ("category winners by note? at", "closed"), "reopened": (RULING, "certified"),
    "statement": ("kind text by at", "draft " + ALL)}
PHASES = {"contest": "draft", "opened": "open", "closed": "closed", "certified": "certified", "reopened": "closed"}
NO_TEXT = "v passes test rules titles previous days details selections ballots values winners".split()

# Section "Entries", canonical form: what Python writes without white space and escaping only what it must; integers; no repeated key.
def no_integer(text): raise ValueError(f"{text[:20]} is no integer")
def table(items): return need(len(dict(items)) == len(items), "a repeated key") or dict(items)
def parse(line):
    need(len(line) <= 65535, "longer than 65,535 bytes")
    entry = json.loads(line.decode(), object_pairs_hook=table, parse_float=no_integer, parse_constant=no_integer)
    need(isinstance(entry, dict) and entry.get("type") in list(TYPES), "not an entry of a known type")
    need(json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() == line, "not in canonical form")
    keys = [key.rstrip("?") for key in TYPES[entry["type"]][0].split() if key[-1] != "?" or key[:-1] in entry]
    need(list(entry) == ["type"] + keys, f"the keys are {list(entry)}, not {keys}"[:300])
    need(all(isinstance(entry[key], str) != (key in NO_TEXT) for key in keys if key != "to"), "a value of the wrong kind")
    need(entry.get("v", 1) == 1 and entry.get("reason") != "" and 0 <= entry.get("passes", 0) < 2**64, "another version, no reason, or no number")
    return entry

class Contest:
    def __init__(self):
        self.phase, self.head, self.categories, self.entries, self.withdrawn = "none", {}, [], {}, set()
        self.ballots, self.of_voter, self.void, self.replaced = set(), {}, set(), set()

    # Section "Refused by every verifier": takes an entry as the next one of the log, or says why it cannot be.
    def take(self, e):
        kind = e["type"]
        need(self.phase in TYPES[kind][1].split(), f"`{kind}` is out of its place: the contest is {self.phase}")
        if kind == "contest": self.head = e
        elif kind == "category": self.categories.append(e["id"])
        elif kind == "entry":
            need(e["category"] in self.categories and e["id"] not in self.entries, "an entry twice, or of an unknown category")
            self.entries[e["id"]] = e["category"]
        elif kind == "ballot": self.take_ballot(e, self.head["rules"]["ballot"], (e.get("channel"), e.get("period")))
        elif kind in ("withdrawn", "voided", "reinstated"):
            known, gone = (self.entries, self.withdrawn) if "entry" in e else (self.ballots, self.void)
            for one in [e["entry"]] if "entry" in e else e["ballots"]:
                need(one in known and (one in gone) == (kind == "reinstated"), f"{one}: unknown, or it is so already")
                gone ^= {one}
        self.phase = PHASES.get(kind, self.phase)

    def take_ballot(self, e, rules, slot):
        need(re.fullmatch("([A-Za-z0-9_-]{22} ){2}", f"{e['id']} {e['voter']} "), "`id` or `voter` is not 16 bytes in base64url")
        need(e["id"][:5] == e["voter"][:5] and e["id"] not in self.ballots, "an `id` that is not this voter's, or recorded before")
        votes = [tuple(selection) for selection in e["selections"]]
        need(votes and votes == sorted(set(votes)), "`selections` are not in byte order, each once")
        need(all(self.entries.get(entry) == category for category, entry in votes), "an unknown category or entry")
        categories, (least, most) = [category for category, _ in votes], rules["votes_per_category"]
        need(all(least <= categories.count(one) <= most for one in categories), "more or fewer votes in a category than allowed")
        own = self.of_voter.setdefault(e["voter"], [])
        filled = {o["id"]: o for o in own if o["id"] not in self.replaced and (o.get("channel"), o.get("period")) == slot}
        if "replaces" in e:
            need(rules["revision"] == "replace" and sum("replaces" in o for o in own) < rules["revisions"], "no more replacement allowed")
            need(filled.pop(e["replaces"], None) and e["replaces"] not in self.void, "`replaces` is not the voter's own standing ballot")
        others = [category for o in filled.values() for category, _ in o["selections"]]
        need(not set(others) & set(categories), "a slot filled twice: the voter has voted there")
        need(len(others) + len(votes) <= rules.get("votes_in_all", 10**9), "more votes in all than allowed")
        own.append(e), self.ballots.add(e["id"]), self.replaced.add(e.get("replaces"))

    # Tally rules, "What counts": ballots neither replaced nor voided; with completion `all` only those of voters with every category.
    def compare(self, root, result):
        counted, votes, gone = 0, dict.fromkeys(self.entries, 0), self.void | self.replaced
        for standing in ([e["selections"] for e in own if e["id"] not in gone] for own in self.of_voter.values()):
            if self.head["rules"]["ballot"]["completion"] == "any" or {c for votes in standing for c, _ in votes} == set(self.categories):
                counted += len(standing)
                for _, entry in sum(standing, []): votes[entry] += 1
        published = {place["entry"]: place["votes"] for category in result["categories"] for place in category["standings"]}
        for e in sorted(votes.keys() - self.withdrawn): need(published.get(e) == votes[e], f"the votes of {e} are not the log's {votes[e]}")
        for key, n in {"recorded": len(self.ballots), "counted": counted, "voided": len(self.void)}.items():
            need(result["counts"]["ballots"][key] == n, f"the ballots {key} are not the log's {n}")
        need(result["log"]["root"] == base64.b64encode(root).decode(), "the result is of another log")

def result_of(document):
    result = json.loads(document)
    need(type(result["log"]["size"]) is int and result["status"] in ("provisional", "certified"), "this is no result document")
    return result

# Section "Tiles": a tile of level 0 beside the log holds the hashes of 256 leaves, which tell where a log was changed.
def leaf_tile(folder, number, width, find):
    path = f"{number:03}" if number < 1000 else f"x{number // 1000:03}/{number % 1000:03}"
    path = os.path.join(folder, "tile/0", path + (f".p/{width}" if width < 256 else ""))
    tile = read(path) if os.path.exists(path) else None
    if tile is not None and len(tile) != 32 * width: find(f"index {number * 256}: its tile has {len(tile)} bytes, not {32 * width}")
    return tile or b""

def verify_log(folder, vkey, earlier, find):
    (size, root), *seen = [open_checkpoint(read(file), vkey) for file in [os.path.join(folder, "checkpoint"), *earlier]]
    contest, subtrees, count, certified, roots = Contest(), [], 0, False, {old: sha(b"") for old, _ in seen}
    result = os.path.exists(os.path.join(folder, "result.json")) and attempt(find, "the result", result_of, read(folder, "result.json"))
    result_size = result and result["log"]["size"]
    for index, line in enumerate(open(os.path.join(folder, "log.jsonl"), "rb")):
        entry, count = line.removesuffix(b"\n"), index + 1
        append(subtrees, index, leaf_hash(entry))
        if line == entry: find(f"index {index}: the log ends in the middle of this entry")
        if index == size: find(f"index {index}: added: the checkpoint ends before it")
        if index % 256 == 0: tile = leaf_tile(folder, index // 256, min(256, size - index), find) if index < size else b""
        if tile[index % 256 * 32:][:32] not in (b"", leaf_hash(entry)): find(f"index {index}: not the entry whose hash the tile has")
        # The result document is that of the log just before `certified`, which carries its SHA-256.
        if result and index == result_size: certified = entry.startswith(b'{"type":"certified","result":"' + sha(read(folder, "result.json")).hex().encode())
        attempt(find, f"index {index}", lambda: contest.take(parse(entry)))
        if count in roots: roots[count] = root_of(subtrees)
        if result and count == result_size: attempt(find, "the result", contest.compare, root_of(subtrees), result)
    if count < size: find(f"index {count}: missing: the checkpoint is over {size} entries")
    elif count == size and root_of(subtrees) != root: find("the root of the entries is not the checkpoint's")
    for old, kept in seen:
        if old > size: find(f"index {size}: rolled back: a checkpoint over {old} entries was seen earlier")
        elif roots[old] != kept: find(f"index {old - 1}: an earlier checkpoint has another root")
    if result and not (certified if result["status"] == "certified" else result_size == size): find("the result is not one of this log")

# Section "Receipts": the audit path, the leaf's sibling first, leads to the root of a tree split as section "Hashes" says.
def climb(leaf, at, size, path):
    if size == 1 or not path: return leaf if size == 1 and not path else b"no root"
    half = 1 << (size - 1).bit_length() - 1
    if at < half: return node(climb(leaf, at, half, path[:-1]), path[-1])
    return node(path[-1], climb(leaf, at - half, size - half, path[:-1]))

def verify_receipt(file, vkey, entry, find):
    proof, _, note = read(file).decode().partition("\n\n")
    if not re.fullmatch("c2sp.org/tlog-proof@v1\nindex (0|[1-9][0-9]*)(\n[A-Za-z0-9+/]{43}=)*", proof): unusable("this is no receipt")
    (size, root), (_, index, *path) = open_checkpoint(note.encode(), vkey), proof.split("\n")
    at, path = int(index[6:]), [base64.b64decode(line) for line in path]
    if at >= size or climb(leaf_hash(entry), at, size, path) != root: find(f"{index}: the receipt does not prove that this entry is in the log")

if __name__ == "__main__":
    arguments, findings = argparse.ArgumentParser(usage=__doc__), []
    for name in ("what", "path", "--vkey", "--entry"): arguments.add_argument(name)
    for name in ("--earlier", "--witness"): arguments.add_argument(name, action="append", default=[])
    args = arguments.parse_args()
    try:
        if args.what == "log": verify_log(args.path, args.vkey, args.earlier, findings.append)
        else: verify_receipt(args.path, args.vkey, read(args.entry).removesuffix(b"\n"), findings.append)
        note = read(args.path, "checkpoint") if args.what == "log" else read(args.path).partition(b"\n\n")[2]
        for witness in args.witness: demand_cosignature(note, witness, findings.append)
    except (OSError, UnicodeDecodeError) as error: unusable(error)
    sys.exit(print(*findings[:100], f"verify: {len(findings) or 'clean'}", sep="\n") or min(len(findings), 1))
