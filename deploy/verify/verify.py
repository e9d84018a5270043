#!/usr/bin/env python3
"""Verifies a contest's exported log, or a receipt; written from the description of the log format alone, for auditors to read.
  verify.py log FOLDER --vkey KEY [--earlier CHECKPOINT]... [--alone]      verify.py receipt FILE --vkey KEY [--entry FILE | --leaf-hash HASH]
Exit status: 0 nothing found, 1 a discrepancy, 2 unusable input. README.md, beside this file, lists what is judged and what is not."""
import argparse, base64, hashlib, json, os, re, sys
try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError: sys.exit(print("unusable: verify.py needs the package cryptography: apt-get install python3-cryptography") or 2)
def need(holds, reason):
    if not holds: raise ValueError(reason)
def attempt(find, place, action, *values):
    try: return action(*values)
    except (ValueError, KeyError, TypeError, RecursionError) as error: find(f"{place}: {error}")
def read(*path): return open(os.path.join(*path), "rb").read()
# Section "Hashes" (RFC 6962, 2.1): a tree is split at the largest power of two smaller than its size.
def sha(data): return hashlib.sha256(data).digest()
def leaf_hash(entry): return sha(b"\0" + entry)
def leaf_of(file): return base64.b64encode(leaf_hash(file.removesuffix(b"\n")))
def node(left, right): return sha(b"\1" + left + right)
def half(size): return 1 << (size - 1).bit_length() - 1
def root_of(leaves):
    if len(leaves) < 2: return leaves[0] if leaves else sha(b"")
    return node(root_of(leaves[:half(len(leaves))]), root_of(leaves[half(len(leaves)):]))
# Section "Checkpoint": a signed note. Unknown keys are ignored; a known key with a wrong signature is a rejection.
def open_checkpoint(note, vkey):
    (name, key_id, key), (text, _, lines) = vkey.strip().split("+", 2), note.decode().rpartition("\n\n")
    key, text, signed = base64.b64decode(key, validate=True), text + "\n", False
    need(len(key) == 33 and sha(name.encode() + b"\n" + key)[:4].hex() == key_id, "this is no verifier key")
    for dash, signer, signature in (line.split(" ") for line in lines.removesuffix("\n").split("\n")):
        signature = base64.b64decode(signature, validate=True)
        if (dash, signer, signature[:4].hex()) == ("\u2014", name, key_id):
            signed = Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode()) is None  # or it raises
    origin, size, root, *_ = text.split("\n")
    need(signed and origin == name and re.fullmatch("0|[1-9][0-9]*", size), "not signed by the key of this log")
    return int(size), base64.b64decode(root, validate=True)
# Section "Entries", the table: the keys after `type` in order (`?`: may be absent), and the phases in which the type has its place.
RULING, ALL, RULED = "by reason note? at", "open suspended closed frozen certified", "open suspended closed"
TYPES = {"contest": ("v contest title titles? test time_zone opens closes rules days? previous?", "none"), "category": ("id title titles?", "draft"),
    "entry": ("id category title titles? summary? image? url? details?", "draft"), "opened": ("at", "draft"), "issued": ("source passes at", ALL),
    "ballot": ("id voter channel? period? replaces? at selections", "open"), "amended": ("what key to " + RULING, RULED + " frozen"),
    "withdrawn": ("entry " + RULING, RULED), "voided": ("ballots " + RULING, RULED), "reinstated": ("entry? ballots? " + RULING, RULED),
    "scores": ("panel juror category criterion? values by at", RULED), "closed": ("at", "open suspended"), "frozen": ("by at", "closed"),
    "drawn": ("source seed by at", "frozen"), "choice": ("category winners by note? at", "closed frozen"), "certified": ("result by at", "closed frozen"),
    "reopened": (RULING, "certified"), "statement": ("kind text by at", "draft " + ALL)}
PHASES = {"contest": "draft", "opened": "open", "closed": "closed", "frozen": "frozen", "certified": "certified", "reopened": "closed",
    "suspended": "suspended", "resumed": "open", "unfrozen": "closed"}
# Version 2: more types, bounds by category, and a salt at the end of whatever could be guessed.
TYPES_2 = TYPES | {"category": ("id title titles? votes? champions? winners?", "draft"), "unfrozen": (RULING, "frozen"), "suspended": (RULING, "open"),
    "resumed": (RULING, "suspended"), "recused": ("panel juror entry reason by at", RULED), "rejoined": ("panel juror entry reason by at", RULED)}
UNSALTED = "contest category entry opened ballot closed".split()
NO_TEXT = "v passes test rules titles previous days details selections ballots values winners votes champions".split()
# Section "Entries", canonical form: what Python writes again, without white space, escaping only what it must, each key once, no fractions.
def parse(line, version):
    need(len(line) <= 65535, "longer than 65,535 bytes")
    entry = json.loads(line.decode(), parse_float=str, parse_constant=str)
    need(isinstance(entry, dict) and isinstance(kind := entry.get("type"), str), "not an entry of a known type")
    version = entry.get("v", 1) if version is None else version  # of the whole log, by its first entry
    need(version in (1, 2) and version is not True, "another version")
    types = TYPES if version == 1 else TYPES_2
    need(kind in types, "not an entry of a known type")
    need(json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() == line, "not in canonical form")
    salted = " salt" * (version == 2 and kind not in UNSALTED)
    keys = [key.rstrip("?") for key in (types[kind][0] + salted).split() if key[-1] != "?" or key[:-1] in entry]
    need(None not in entry.values(), "a value of the wrong kind: null")
    need(list(entry) == ["type"] + keys, f"the keys are {list(entry)}, not {keys}"[:300])
    need(all(isinstance(entry[key], str) != (key in NO_TEXT) for key in keys if key != "to"), "a value of the wrong kind")
    need(entry.get("reason") != "" and 0 <= entry.get("passes", 0) < 2**64, "no reason, or no number")
    need(re.fullmatch("[A-Za-z0-9_-]{21}[AQgw]", entry.get("salt", "A" * 22)), "`salt` is not 16 bytes in base64url")
    for _, value in entry.get("values", []):
        decimal = "-?" * (version == 2) + "(0|[1-9][0-9]{0,9})([.][0-9]{0,3}[1-9])?"
        need(re.fullmatch(decimal, value) and value != "-0", f"{value}: no decimal")
    return entry
def of_version_2(rules):
    return "limits" in rules or "admission" in rules or "review" in rules or rules["publication"]["entries"] == "certified" or (
        rules["winners"]["ties"] == "countback" or any("jurors" in panel or panel.get("scale", [0])[0] < 0 for panel in rules["panels"]))
class Contest:
    def __init__(self):
        self.phase, self.head, self.categories, self.entries, self.withdrawn, self.recused = "none", {}, {}, {}, set(), set()
        self.ballots, self.sheets, self.void, self.replaced, self.revised = set(), {}, set(), set(), {}
        self.offered, self.certified = {}, {}  # entries' categories and titles at first; indexes of `certified`, and the result of each
    # Section "Refused by every verifier": takes an entry as the next one, or says why not. A sheet is a voter's, in a channel and period.
    def take(self, e, index):
        kind = e["type"]
        need(self.phase in TYPES_2[kind][1].split(), f"`{kind}` is out of its place: the contest is {self.phase}")
        need(kind != "unfrozen" or "draw" not in self.head["rules"], "`unfrozen` has no place where lots are drawn")
        if kind == "contest":
            need(e["v"] == 2 or not of_version_2(e["rules"]), "the rules have what version 1 does not know")
            self.head, self.channels = e, {channel["id"] for channel in e["rules"]["channels"]} or {None}
            self.periods = {day for day, _ in e.get("days", [])} | set(map(str, range(1, 1 + e["rules"]["ballot"].get("ballots_per_voter", 0)))) or {None}
        elif kind == "category": self.categories[e["id"]] = e.get("votes", self.head["rules"]["ballot"]["votes_per_category"])
        elif kind == "entry":
            need(e["category"] in self.categories and e["id"] not in self.entries, "an entry twice, or of an unknown category")
            self.entries[e["id"]], self.offered[e["id"]] = e["category"], (e["category"], e["title"])
        elif kind == "ballot": self.take_ballot(e, self.head["rules"]["ballot"], (e.get("channel"), e.get("period")))
        elif kind in ("withdrawn", "voided", "reinstated"):
            known, gone = (self.entries, self.withdrawn) if "entry" in e else (self.ballots, self.void)
            for one in [e["entry"]] if "entry" in e else e["ballots"]:
                need(one in known and (one in gone) == (kind == "reinstated"), f"{one}: unknown, or it is so already")
                gone ^= {one}
        elif kind in ("recused", "rejoined"):
            need(e["entry"] in self.entries and ((one := (e["panel"], e["juror"], e["entry"])) in self.recused) == (kind == "rejoined"),
                f"{e['entry']}: unknown, or the juror is so already")
            self.recused ^= {one}
        elif kind == "scores":
            need(not any((e["panel"], e["juror"], entry) in self.recused for entry, _ in e["values"]), "a score for an entry that the juror is recused for")
        elif kind == "certified": self.certified[index] = e["result"]
        self.phase = PHASES.get(kind, self.phase)
    def take_ballot(self, e, rules, slot):
        need(re.fullmatch("([A-Za-z0-9_-]{22} ){2}", f"{e['id']} {e['voter']} "), "`id` or `voter` is not 16 bytes in base64url")
        need(e["id"][:5] == e["voter"][:5] and e["id"] not in self.ballots, "an `id` that is not this voter's, or recorded before")
        need(slot[0] in self.channels and slot[1] in self.periods, "`channel` or `period` is none of the contest's")
        votes = [tuple(selection) for selection in e["selections"]]
        need(votes and votes == sorted(set(votes)), "`selections` are not in byte order, each once")
        need(all(self.entries.get(entry) == category for category, entry in votes), "an unknown category or entry")
        categories = [category for category, _ in votes]
        need(all(self.categories[one][0] <= categories.count(one) <= self.categories[one][1] for one in categories),
            "more or fewer votes in a category than allowed")
        own, revised = self.sheets.setdefault((e["voter"], *slot), []), self.revised.get(e["voter"], 0)
        filled = {o["id"]: o for o in own if o["id"] not in self.replaced}
        if "replaces" in e:
            need(rules["revision"] == "replace" and revised < rules["revisions"], "no more replacement allowed")
            need(filled.pop(e["replaces"], None) and e["replaces"] not in self.void, "`replaces` is not the voter's own standing ballot")
        others = [category for o in filled.values() for category, _ in o["selections"]]
        need(not set(others) & set(categories), "a slot filled twice: the voter has voted there")
        need(len(others) + len(votes) <= rules.get("votes_in_all", 10**9), "more votes in all than allowed")
        for limit in self.head["rules"].get("limits", []):
            need(len(set(others + categories) & set(limit["categories"])) <= limit["most"], "votes in more of a limit's categories than allowed")
        own.append(e), self.ballots.add(e["id"]), self.replaced.add(e.get("replaces")), self.revised.update({e["voter"]: revised + ("replaces" in e)})
    # Tally rules, "What counts": ballots neither replaced nor voided; with `all` only on sheets with every category.
    def compare(self, root, result):
        counted, votes, gone = 0, dict.fromkeys(self.entries, 0), self.void | self.replaced
        for standing in ([e["selections"] for e in own if e["id"] not in gone] for own in self.sheets.values()):
            if self.head["rules"]["ballot"]["completion"] == "any" or {c for votes in standing for c, _ in votes} == set(self.categories):
                counted += len(standing)
                for _, entry in sum(standing, []): votes[entry] += 1
        published = {place["entry"]: place["votes"] for category in result["categories"] for place in category["standings"]}
        for e in sorted(votes.keys() - self.withdrawn): need(published.get(e) == votes[e], f"the votes of {e} are not the log's {votes[e]}")
        for key, n in {"recorded": len(self.ballots), "counted": counted, "voided": len(self.void)}.items():
            need(result["counts"]["ballots"][key] == n, f"the ballots {key} are not the log's {n}")
        need(result["log"]["root"] == base64.b64encode(root).decode(), "the result is of another log")
# A result document names a size of the log. One that is certified is that of the log just before `certified`, which carries its SHA-256.
def open_result(document):
    result, digest = json.loads(document), sha(document).hex()
    need(type(result["log"]["size"]) is int and type(result["status"]) is str, "no result document")
    return result, result["log"]["size"], digest
# The whole log; `shown` are result documents to be compared with it.
def verify_log(folder, vkey, earlier, shown, find):
    (size, root), *seen = [open_checkpoint(read(file), vkey) for file in [os.path.join(folder, "checkpoint"), *earlier]]
    contest, leaves, own = Contest(), [], os.path.join(folder, "result.json")
    documents = dict.fromkeys(([read(own)] if os.path.exists(own) else []) + shown)
    results = list(filter(None, [attempt(find, "the result", open_result, document) for document in documents]))
    for index, line in enumerate(open(os.path.join(folder, "log.jsonl"), "rb")):
        leaves.append(leaf_hash(entry := line.removesuffix(b"\n")))
        if line == entry: find(f"index {index}: the log ends in the middle of this entry")
        if index == size: find(f"index {index}: added: the checkpoint ends before it")
        attempt(find, f"index {index}", lambda: contest.take(parse(entry, contest.head.get("v")), index))
        for result, of, _ in results:
            if len(leaves) == of: attempt(find, "the result", contest.compare, root_of(leaves), result)
    if len(leaves) < size: find(f"index {len(leaves)}: missing: the checkpoint is over {size} entries")
    elif len(leaves) == size and root_of(leaves) != root: find("the root of the entries is not the checkpoint's")
    for old, kept in seen:
        if old > size: find(f"index {size}: rolled back: a checkpoint over {old} entries was seen earlier")
        elif root_of(leaves[:old]) != kept: find(f"index {old - 1}: an earlier checkpoint has another root")
    for result, of, digest in results:
        fits = {"certified": contest.certified.get(of) == digest, "provisional": of == size}
        if not fits.get(result["status"]): find("the result is not one of this log")
    return contest, leaves
# Rounds (docs/rounds.md): the first entry names the log before, whose champions the entries are, as it was just after a `certified`.
def verify_rounds(folder, vkey, earlier, shown, find):
    contest, leaves = verify_log(folder, vkey, earlier, shown, find)
    if "previous" in contest.head: attempt(find, "index 0", verify_previous, contest, os.path.join(folder, "previous"), vkey, find)
    return contest, leaves
def verify_previous(contest, folder, vkey, find):
    origin, size, root, result = [contest.head["previous"][key] for key in ("origin", "size", "root", "result")]
    need(os.path.exists(os.path.join(folder, "log.jsonl")), f"the log of {origin}, whose champions are the entries, is missing: "
        f"put its export into {folder}, or say with --alone that this log only is meant")
    _, _, key = vkey.strip().split("+", 2)  # the logs of an installation share their key, and not their name
    vkey = "+".join([origin, sha(origin.encode() + b"\n" + base64.b64decode(key))[:4].hex(), key])
    # A log that was reopened shows a later result: the one before may lie beside it, as a file of any name that ends with `.json`.
    documents = (read(folder, file) for file in sorted(os.listdir(folder)) if file.endswith(".json"))
    shown = [document for document in documents if sha(document).hex() == result][:1]
    def find_before(reason): find(f"{origin}: {reason}")
    try: before, leaves = verify_rounds(folder, vkey, [], shown, find_before)
    except (OSError, InvalidSignature, ValueError) as error: raise ValueError(f"the log of {origin} cannot be used: {error!r}")
    if len(leaves) < size: find_before(f"index {len(leaves)}: missing: the contest that follows goes by {size} entries")
    elif base64.b64encode(root_of(leaves[:size])).decode() != root: find_before(f"index {size - 1}: the contest that follows goes by another root")
    elif before.certified.get(size - 1) != result: find_before(f"index {size - 1}: the contest that follows goes by a result certified here, {result}")
    need(shown, f"no file in {folder} is the result document {result} that names the champions: ask the organiser for it; `acclaim audit` counts it")
    champions = {c["entry"]: (category["id"], c["title"]) for category in json.loads(shown[0])["categories"] for c in category.get("champions", [])}
    for entry in sorted(champions.keys() | contest.offered.keys()):
        here, there = contest.offered.get(entry), champions.get(entry)
        if here != there: find(f"the entry {entry} is {here or 'missing'} here, and {there or 'no champion'} of {origin}")
# Section "Receipts": the audit path, the leaf's sibling first, leads to the root.
def climb(leaf, at, size, path):
    if size == 1 or not path: return leaf if size == 1 and not path else b"no root"
    if at < half(size): return node(climb(leaf, at, half(size), path[:-1]), path[-1])
    return node(path[-1], climb(leaf, at - half(size), size - half(size), path[:-1]))
def verify_receipt(file, vkey, leaf, find):
    proof, _, note = read(file).decode().partition("\n\n")
    parts = re.fullmatch("c2sp.org/tlog-proof@v1\n(?:extra ([A-Za-z0-9+/=]+)\n)?index (0|[1-9][0-9]*)((?:\n[A-Za-z0-9+/]{43}=)*)", proof)
    need(parts, "this is no receipt")
    need(leaf or parts[1], "the receipt does not name its leaf hash, as that of .../proof?with=leaf-hash does: give --entry or --leaf-hash")
    (size, root), at, path = open_checkpoint(note.encode(), vkey), int(parts[2]), [base64.b64decode(line) for line in parts[3].split()]
    if at >= size or climb(base64.b64decode(leaf or parts[1]), at, size, path) != root: find(f"index {at}: the receipt does not prove this entry")
if __name__ == "__main__":
    arguments, findings = argparse.ArgumentParser(usage=__doc__), []
    for name in ("what", "path", "--vkey", "--entry", "--leaf-hash"): arguments.add_argument(name)
    arguments.add_argument("--earlier", action="append", default=[])
    arguments.add_argument("--alone", action="store_true")
    args = arguments.parse_args()
    try:
        if args.what == "log" and not args.alone: verify_rounds(args.path, args.vkey, args.earlier, [], findings.append)
        elif args.what == "log":
            contest, _ = verify_log(args.path, args.vkey, args.earlier, [], findings.append)
            if "previous" in contest.head: print(f"alone: the log of {contest.head['previous']['origin']}, whose champions are the entries, is not judged")
        else: verify_receipt(args.path, args.vkey, args.leaf_hash or args.entry and leaf_of(read(args.entry)), findings.append)
    except Exception as error: sys.exit(print(f"unusable: a file, the key or the checkpoint cannot be used: {error!r}") or 2)
    sys.exit(print(*findings[:100], f"verify: {len(findings) or 'clean'}", sep="\n") or min(len(findings), 1))
