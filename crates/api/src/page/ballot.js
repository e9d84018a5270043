// The ballot page: shows a contest, casts the voter's ballots and tells what is recorded. Also lists the contests on `/`.
//
// The pass is the fragment of the address (`/c/{contest}#{pass}`): browsers never send it in an address, it goes to the
// server in the Authorization header alone and is stored nowhere. A draft of the choices is kept in sessionStorage until
// the ballot is recorded or the tab is closed. Texts of the server reach the page as text, never as markup.

const CONTEST = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const API = `/v1/contests/${encodeURIComponent(CONTEST)}`;
const PASS = location.hash.slice(1);
const DRAFT = `ballot:${CONTEST}:${fingerprint(PASS)}`;

/// Answers that say "not now": the same request again is safe, the server knows a ballot by its content.
const RETRIED = new Set([408, 429, 500, 502, 503, 504]);
const TRIES = 8;
const LONGEST_PAUSE = 60;
const REQUEST_SECONDS = 20;
/// Entries of a category drawn at once; the others follow on demand.
const PAGE = 60;
const LONGEST_TIMER = 2 ** 31 - 1;

/// All that the page knows. `draw` makes the page from it, only the functions under "Acts" change it.
const state = {
  contest: null,
  mine: null, // the answer of votes/mine; null without a usable pass
  choices: new Map(), // category id -> Set of entry ids, not cast yet
  replacing: null, // the standing ballot being changed
  casting: null, // the ballot being sent, or waiting to be confirmed
  open: new Set(), // ids of unfolded categories
  shown: new Map(), // category id -> how many entries are drawn
  query: "",
  skew: 0, // milliseconds that the server's clock is ahead of ours
  loaded: 0,
};

// Start ------------------------------------------------------------------------------------------------------------

async function start() {
  addEventListener("hashchange", () => location.reload());
  addEventListener("pageshow", (event) => event.persisted && refresh());
  addEventListener("beforeunload", (event) => state.casting?.sent && event.preventDefault());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !state.casting && Date.now() - state.loaded > 60_000) refresh();
  });
  $("ballot").addEventListener("submit", (event) => {
    event.preventDefault();
    review();
  });
  $("cancel").addEventListener("click", cancelChange);
  $("find").addEventListener("input", find);
  if (await refresh()) {
    const first = categories().find(editable);
    if (first) state.open.add(first.id);
    restoreDraft();
    draw();
  }
}

/// Fetches the contest and the voter's ballots and draws them. False if there is nothing to draw.
async function refresh() {
  const waiting = (pause) => notice("warning", "Connecting…", waitText(pause), true);
  const contest = await persist(() => call("GET", ""), waiting);
  if (contest?.status !== 200) {
    $("window").textContent = "";
    notice("bad", ...sentence(contest), retryButton());
    return false;
  }
  state.contest = contest.body;
  state.skew = contest.date ? contest.date - Date.now() : 0;
  state.loaded = Date.now();
  notice();
  if (PASS) {
    const mine = await persist(() => call("GET", "/votes/mine", { pass: true }), waiting);
    if (mine?.status === 200) {
      state.mine = mine.body;
      notice();
    } else {
      state.mine = null;
      notice("bad", ...sentence(mine), mine && !RETRIED.has(mine.status) ? null : retryButton());
    }
  } else if (phase() !== "ended") {
    notice("", "An invitation link is needed to vote.",
      "You can read everything here. To vote, open the personal link in your invitation: it ends with # and a long code.");
  }
  awaitNextPhase();
  draw();
  return true;
}

/// Draws again at the instant when voting opens or ends, and asks the server a few seconds later: not all pages at once.
function awaitNextPhase() {
  clearTimeout(state.timer);
  const { opens, closes } = state.contest;
  const next = [opens, closes].map((at) => Date.parse(at) - now()).find((left) => left > 0);
  if (next === undefined) return;
  state.timer = setTimeout(() => {
    if (next > LONGEST_TIMER) return awaitNextPhase();
    if (!state.casting) draw();
    state.timer = setTimeout(() => !state.casting && refresh(), 1000 + Math.random() * 9000);
  }, Math.min(next + 50, LONGEST_TIMER));
}

// What follows from the state --------------------------------------------------------------------------------------

const now = () => Date.now() + state.skew;
const categories = () => state.contest.categories;
const standing = () => state.mine?.ballots ?? [];
const rules = () => state.contest.rules.ballot;
const ballotIn = (category) => standing().find((ballot) => ballot.selections.some(([id]) => id === category.id));
const chosenIn = (category) => state.choices.get(category.id) ?? new Set();
const chosen = () => categories().filter((category) => chosenIn(category).size > 0);
const isFinal = () => rules().revision !== "replace";
const categoryOf = (id) => categories().find((category) => category.id === id) ?? { id, title: id };
const entryOf = (category, id) => entriesOf(category).find((entry) => entry.id === id) ?? { id, title: id };

function entriesOf(category) {
  state.contest.byCategory ??= Map.groupBy?.(state.contest.entries, (entry) => entry.category)
    ?? state.contest.entries.reduce((map, entry) => map.set(entry.category, [...(map.get(entry.category) ?? []), entry]), new Map());
  return state.contest.byCategory.get(category.id) ?? [];
}

/// Where the contest stands by the server's clock: "before", "open" or "ended".
function phase() {
  const { phase, opens, closes } = state.contest;
  if (phase === "draft" || (phase === "open" && now() < Date.parse(opens))) return "before";
  return phase === "open" && now() < Date.parse(closes) ? "open" : "ended";
}

/// Whether the voter can choose in this category now.
function editable(category) {
  if (!state.mine || phase() !== "open") return false;
  if (state.replacing) return state.replacing.selections.some(([id]) => id === category.id);
  return state.mine.left.includes(category.id);
}

/// The first reason why the choices cannot be cast as they are: [sentence, category to look at].
function mistake() {
  const [least] = rules().votes_per_category;
  const short = chosen().find((category) => editable(category) && chosenIn(category).size < least);
  if (short) return [`Choose at least ${least} entries in “${title(short).text}”, or none.`, short];
  const cast = standing().filter((ballot) => ballot !== state.replacing).flatMap((ballot) => ballot.selections).length;
  const most = rules().votes_in_all ?? Infinity;
  if (cast + selections().length > most) {
    return [`You have ${most} votes in all, ${cast} of them are recorded: choose at most ${most - cast} now.`, chosen()[0]];
  }
  return selections().length ? null : ["Choose an entry in at least one category first.", categories().find(editable)];
}

const selections = () =>
  categories().filter(editable).flatMap((category) => [...chosenIn(category)].map((entry) => [category.id, entry]));

// Acts -------------------------------------------------------------------------------------------------------------

function choose(category, entry, input) {
  const [, most] = rules().votes_per_category;
  const set = new Set(most === 1 && input.checked ? [] : chosenIn(category));
  if (input.checked && set.size >= most) {
    input.checked = false;
    notice("warning", `At most ${most} entries in this category.`, "Take one away first.");
    return;
  }
  input.checked ? set.add(entry.id) : set.delete(entry.id);
  set.size ? state.choices.set(category.id, set) : state.choices.delete(category.id);
  notice();
  keepDraft();
  drawState(category);
  drawBar();
}

function change(ballot) {
  state.replacing = ballot;
  state.choices = new Map();
  for (const [category, entry] of ballot.selections) {
    state.choices.set(category, (state.choices.get(category) ?? new Set()).add(entry));
    state.open.add(category);
  }
  notice("", "Change your vote.", "Your recorded ballot stands until the new one is recorded.");
  draw();
  focusOn(`toggle-${ballot.selections[0]?.[0]}`);
}

function cancelChange() {
  state.replacing = null;
  state.choices = new Map();
  notice("", "Nothing was changed.", "Your recorded ballot stands.");
  draw();
  focusOn("notice");
}

/// Checks the choices; final votes are shown once more before they are cast.
function review() {
  const wrong = mistake();
  if (wrong) {
    if (wrong[1]) unfold(wrong[1], true);
    notice("warning", wrong[0], "");
    focusOn(wrong[1] ? `toggle-${wrong[1].id}` : "notice");
    return;
  }
  const ballot = { selections: selections().map(([category, entry]) => ({ category, entry })) };
  if (state.replacing) ballot.replaces = state.replacing.ballot;
  state.casting = { body: JSON.stringify(ballot), votes: selections(), sent: false };
  notice();
  if (!isFinal()) return void cast();
  drawReview();
  focusOn("review-title");
}

function back() {
  state.casting = null;
  draw();
  focusOn("submit");
}

/// Sends the ballot, the same bytes each time, until the server says what became of it.
async function cast() {
  const { casting } = state;
  casting.sent = true;
  drawReview("Sending your ballot…");
  focusOn("review-title");
  let answer = await persist(() => call("POST", "/ballots", { pass: true, body: casting.body }),
    (pause) => drawReview(waitText(pause)));
  if (answer?.status === 202 || answer?.body?.status === "accepted") answer = await untilRecorded(answer);
  casting.sent = false;
  if (!answer || RETRIED.has(answer.status)) return drawUnknown(answer);
  state.casting = null;
  const done = answer.status < 300 && answer.body?.status === "recorded";
  if (done || answer.status < 300 || [403, 409].includes(answer.status)) {
    state.replacing = null;
    if (answer.status < 300) state.choices = new Map();
    await refresh();
    keepDraft();
  }
  draw();
  if (done) notice("good", "Your ballot is recorded.", recordedText(answer.body), proofOf(answer.body));
  else notice(answer.status < 300 ? "warning" : "bad", ...sentence(answer));
  focusOn("notice");
}

/// An accepted ballot waits to be recorded: asks what became of it, until that is known.
async function untilRecorded(answer) {
  for (let tries = 0; tries < 30 && answer?.body?.status === "accepted"; tries += 1) {
    drawReview("The server has your ballot and is about to record it…");
    await pauseFor(Math.min(1 + tries / 4, 5));
    const next = await call("GET", `/ballots/${encodeURIComponent(answer.body.ballot)}`).catch(() => null);
    if (next?.status === 200) answer = next;
  }
  return answer;
}

function find() {
  state.query = $("find").value.trim().toLocaleLowerCase();
  state.shown.clear();
  drawCategories();
  const count = categories().reduce((sum, category) => sum + matching(category).length, 0);
  $("found").textContent = state.query ? `${count} ${count === 1 ? "entry" : "entries"} found` : "";
}

function unfold(category, open) {
  open ? state.open.add(category.id) : state.open.delete(category.id);
  drawCategories();
  focusOn(`toggle-${category.id}`);
}

function keepDraft() {
  try {
    const kept = [...state.choices].map(([category, entries]) => [category, [...entries]]);
    kept.length && !state.replacing ? sessionStorage.setItem(DRAFT, JSON.stringify(kept)) : sessionStorage.removeItem(DRAFT);
  } catch {
    // Without storage the page works all the same; only a reload forgets what was not cast.
  }
}

function restoreDraft() {
  try {
    for (const [id, entries] of JSON.parse(sessionStorage.getItem(DRAFT)) ?? []) {
      const category = categoryOf(id);
      const known = editable(category) ? entries.filter((entry) => offered(entryOf(category, entry))) : [];
      if (known.length) state.choices.set(id, new Set(known));
    }
  } catch {
    // No storage, or not ours: there is no draft.
  }
}

// Drawing ----------------------------------------------------------------------------------------------------------

function draw() {
  const { contest } = state;
  setTitle($("title"), contest);
  document.title = title(contest).text;
  const words = { before: ["Not open yet", "warning"], open: ["Voting is open", "good"], ended: ["Voting has ended", ""] };
  const [word, kind] = words[phase()];
  $("badges").replaceChildren(make("span", { className: `badge ${kind}` }, word),
    ...(contest.test ? [make("span", { className: "badge warning" }, "Rehearsal: nothing is awarded")] : []));
  $("badges").hidden = false;
  drawWindow();
  drawRecorded();
  $("review").hidden = true;
  $("ballot").hidden = false;
  $("find-part").hidden = contest.entries.length <= 12;
  drawHint();
  drawCategories();
  drawBar();
  drawAbout();
}

function drawWindow() {
  const { opens, closes, phase: stage, rules: all } = state.contest;
  const lines = {
    before: ["Voting opens on ", instant(opens), " and ends on ", instant(closes), "."],
    open: ["You can vote until ", instant(closes), "."],
    ended: ["Voting ended on ", instant(closes), "."],
  };
  $("window").replaceChildren(...lines[phase()]);
  if (phase() !== "ended") return;
  const open = all.publication.result === "closed" || stage === "certified";
  $("window").append(" ", ...(open
    ? [make("a", { href: `${API}/result` }, stage === "certified" ? "Read the certified result" : "Read the provisional result"), "."]
    : ["The result will be published once it is certified."]));
}

function drawHint() {
  const [least, most] = rules().votes_per_category;
  const many = categories().length > 1;
  const each = most === 1 ? "one entry" : least === most ? `${most} entries` : `${least} to ${most} entries`;
  const texts = [`Choose ${each}${many ? " in each category you wish to vote in" : ""}.`];
  if (rules().votes_in_all) texts.push(`You have ${rules().votes_in_all} votes in all.`);
  if (many && rules().completion === "all") texts.push("Your votes count only once you have voted in every category.");
  if (many) texts.push("You may vote in some now and go on later with the same link.");
  texts.push(isFinal() ? "A recorded vote is final." : "A recorded vote can be changed until voting ends.");
  $("hint").textContent = texts.join(" ");
}

function drawRecorded() {
  const list = standing();
  $("recorded").hidden = list.length === 0;
  if (!list.length) return;
  const changeable = !isFinal() && phase() === "open" && !state.replacing;
  $("recorded").replaceChildren(
    make("h2", { id: "recorded-title" }, "✓ Your recorded votes"),
    ...list.map((ballot) => make("div", { className: "ballot" }, choiceList(ballot.selections), proofOf(ballot),
      changeable && ballot.status !== "accepted"
        ? make("p", { className: "buttons" }, button("Change this vote", () => change(ballot), "quiet"))
        : null)),
  );
}

function drawCategories() {
  $("categories").replaceChildren(...categories()
    .filter((category) => !state.query || matching(category).length)
    .map(drawCategory));
}

function drawCategory(category) {
  const open = Boolean(state.query) || state.open.has(category.id);
  const name = make("span", {}, titled("span", category), make("span", { id: `state-${category.id}`, className: "state" }));
  const toggle = make("button", { id: `toggle-${category.id}`, type: "button" }, name);
  toggle.setAttribute("aria-expanded", String(open));
  toggle.setAttribute("aria-controls", `inside-${category.id}`);
  toggle.addEventListener("click", () => unfold(category, !open));
  const inside = make("div", { id: `inside-${category.id}`, className: "inside", hidden: !open });
  if (open) inside.append(...drawInside(category));
  const section = make("section", { className: "category" }, make("h2", {}, toggle), inside);
  drawState(category, name.lastChild, inside);
  return section;
}

function drawInside(category) {
  const [least, most] = rules().votes_per_category;
  const count = most === 1 ? "Choose one" : `Choose ${least === most ? most : `${least} to ${most}`}`;
  const can = editable(category);
  const all = matching(category);
  const shown = state.shown.get(category.id) ?? PAGE;
  const set = make("fieldset", {},
    make("legend", {}, can ? `${count} in ` : "Entries in ", titled("span", category)),
    ...all.slice(0, shown).map((entry) => drawEntry(category, entry, can)));
  const after = make("p", { className: "after" });
  if (all.length > shown) {
    after.append(button(`Show ${Math.min(PAGE, all.length - shown)} more of ${all.length}`, () => {
      state.shown.set(category.id, shown + PAGE);
      drawCategories();
      focusOn(`entry-${category.id}-${all[shown].id}`);
    }, "quiet"));
  }
  if (can) after.append(button("Clear this choice", () => {
    state.choices.delete(category.id);
    keepDraft();
    drawCategories();
    drawBar();
    focusOn(`toggle-${category.id}`);
  }, "quiet clear"));
  const next = categories().slice(categories().indexOf(category) + 1).find((other) => editable(other) && !chosenIn(other).size);
  if (can && next && !state.query) after.append(button("Next category", () => {
    state.open.delete(category.id);
    unfold(next, true);
    $(`toggle-${next.id}`).scrollIntoView({ block: "start" });
  }, "quiet"));
  return [set, after];
}

function drawEntry(category, entry, can) {
  const id = `entry-${category.id}-${entry.id}`;
  const voted = ballotIn(category)?.selections.some(([c, e]) => c === category.id && e === entry.id);
  const choice = can && !entry.withdrawn;
  const row = make("div", { className: voted ? "entry voted" : "entry" });
  if (choice) {
    const single = rules().votes_per_category[1] === 1;
    const input = make("input", { type: single ? "radio" : "checkbox", name: `category-${category.id}`, id, value: entry.id,
      checked: chosenIn(category).has(entry.id) });
    input.setAttribute("aria-describedby", `${id}-more`);
    input.addEventListener("change", () => choose(category, entry, input));
    row.append(input);
  }
  const name = titled(choice ? "label" : "span", entry);
  name.className = "name";
  if (choice) name.htmlFor = id;
  const image = webAddress(entry.image);
  const page = webAddress(entry.url);
  row.append(name, ...(image ? [picture(image, entry)] : []));
  if (voted) row.append(make("p", { className: "good" }, "✓ Your recorded vote"));
  if (entry.withdrawn) row.append(make("p", { className: "warning" }, "Withdrawn: votes for it do not count."));
  if (entry.summary) row.append(make("p", { id: `${id}-more`, dir: "auto" }, entry.summary));
  if (entry.details?.length) {
    row.append(make("dl", {}, ...entry.details.map(([label, value]) =>
      make("div", {}, make("dt", {}, `${label}:`), make("dd", { dir: "auto" }, value)))));
  }
  const links = [image && link(image, "View picture", entry), page && link(page, "Read more", entry)].filter(Boolean);
  if (links.length) row.append(make("p", { className: "links" }, ...links));
  return row;
}

/// The line under a category's title: what is chosen or recorded there.
function drawState(category, line = $(`state-${category.id}`), inside = $(`inside-${category.id}`)) {
  if (!line) return;
  const names = (ids) => ids.map((id) => title(entryOf(category, id)).text).join("; ");
  const ballot = ballotIn(category);
  const picked = [...chosenIn(category)];
  const words = editable(category)
    ? picked.length ? ["on", `Chosen, not cast yet: ${names(picked)}`] : ["", "Nothing chosen yet"]
    : ballot ? ["done", `✓ Recorded: ${names(ballot.selections.filter(([id]) => id === category.id).map(([, id]) => id))}`]
    : state.mine && phase() === "open" && !state.replacing ? ["", "Your vote here has been used"]
    : ["", `${entriesOf(category).length} ${entriesOf(category).length === 1 ? "entry" : "entries"}`];
  line.className = `state ${words[0]}`;
  line.textContent = words[1];
  const clear = inside.querySelector(".clear");
  if (clear) clear.hidden = picked.length === 0;
}

function drawBar() {
  const open = categories().filter(editable);
  $("bar").hidden = open.length === 0;
  const recorded = categories().filter((category) => ballotIn(category) && !editable(category)).length;
  const picked = chosen().filter(editable).length;
  $("count").replaceChildren(`${picked + recorded} of ${categories().length} ${categories().length === 1 ? "category" : "categories"} chosen`,
    make("small", {}, recorded ? `${recorded} recorded, ${picked} not cast yet` : picked ? "Not cast yet" : "Nothing cast yet"));
  $("submit").textContent = state.replacing ? "Cast the changed vote" : isFinal() ? "Review and cast" : "Cast my vote";
  $("cancel").hidden = !state.replacing;
}

/// The choices once more: to be confirmed, or, with `progress`, on their way.
function drawReview(progress) {
  const { votes } = state.casting;
  const count = votes.length === 1 ? "this vote" : `these ${votes.length} votes`;
  $("review").replaceChildren(
    make("h2", { id: "review-title", tabIndex: -1 }, progress ? `Casting ${count}` : `Cast ${count}?`),
    progress ? null : make("p", {}, "Recorded votes are final: they cannot be changed or taken back."),
    choiceList(votes),
    progress
      ? make("p", { className: "waiting", role: "status" }, progress)
      : make("p", { className: "buttons" }, button(`Cast ${count}`, cast), button("Go back", back, "quiet")),
  );
  for (const id of ["recorded", "ballot"]) $(id).hidden = true;
  $("review").hidden = false;
}

/// Tries are used up and nobody knows what became of the ballot.
function drawUnknown(answer) {
  drawReview("");
  $("review").lastChild.replaceWith(make("p", { className: "buttons" }, button("Send the same ballot again", cast),
    button("Show what is recorded", async () => {
      state.casting = null;
      await refresh();
    }, "quiet")));
  notice("warning", "We do not know yet whether your ballot is recorded.",
    `${sentence(answer).join(" ")} Sending the same ballot again is safe: it counts once. You can also come back later with the same link.`);
  focusOn("notice");
}

function drawAbout() {
  const { log } = state.contest;
  const parts = [];
  if (PASS) parts.push(make("h2", {}, "Your link is personal"),
    make("p", {}, "Whoever has it votes as you: do not pass it on. The code after # stays in this browser; it is sent only to this site, to cast and show your votes, and stored nowhere."));
  parts.push(make("h2", {}, "Your receipt"),
    make("p", {}, "A vote is recorded only when this page says so. The receipt proves that your ballot is in the contest's log; it does not say what you chose. Anyone can check it with the log's public key."));
  if (log) parts.push(make("p", { className: "proof" }, "Log ", make("code", {}, log.origin), ", key ", make("code", {}, log.vkey)));
  $("about").replaceChildren(...parts);
  $("about").hidden = false;
}

const choiceList = (votes) => make("dl", { className: "chosen" },
  ...[...new Set(votes.map(([id]) => id))].flatMap((id) => [titled("dt", categoryOf(id)),
    ...votes.filter(([c]) => c === id).map(([, entry]) => titled("dd", entryOf(categoryOf(id), entry)))]));

function proofOf(ballot) {
  const line = make("p", { className: "proof" }, "Ballot ", make("code", {}, ballot.ballot));
  if (ballot.index === undefined) return line;
  line.append(`, number ${ballot.index} in the log. `, make("a",
    { href: `${API}/ballots/${encodeURIComponent(ballot.ballot)}/proof`, download: `receipt-${CONTEST}-${ballot.ballot}.txt` }, "Download the receipt"));
  return line;
}
