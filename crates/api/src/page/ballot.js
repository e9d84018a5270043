// The ballot page: it shows a contest, casts the voter's ballots and shows the recorded ones.
// It also lists the contests on `/`.
//
// The pass is the fragment of the address (`/c/{contest}#{pass}`). Browsers never send the
// fragment. The page sends the pass only in the Authorization header, and stores it nowhere.
// Choices that are not cast yet are in sessionStorage, until they are recorded or the tab is
// closed. Texts of the server enter the page as text, never as markup. The page's own sentences are
// in ballot.html. The script is one file, longer than other files here: a slow phone needs a single
// request, and there is no bundler.

// The path at which the server's addresses begin: "/", or "/vote/" behind a proxy.
const BASE = new URL("..", import.meta.url).pathname;
const CONTEST = decodeURIComponent(location.pathname.slice(BASE.length).split("/")[1] ?? "");
const API = `${BASE}v1/contests/${encodeURIComponent(CONTEST)}`;
const PASS = location.hash.slice(1);
const DRAFT = `ballot:${CONTEST}:${fingerprint(PASS)}`;

// Statuses after which the same request is sent again. This is safe: the server identifies a ballot
// by its content.
const RETRYABLE = new Set([408, 429, 500, 502, 503, 504]);
const MAX_TRIES = 8;
const MAX_PAUSE = 60; // seconds
const REQUEST_TIMEOUT = 20_000; // milliseconds
const ENTRIES_AT_ONCE = 60; // of a category; the voter can show more
const BALLOTS_AT_ONCE = 20; // of the recorded ballots; the voter can show more
const MAX_TIMER = 2 ** 31 - 1; // milliseconds, the maximum of setTimeout
const SEARCHABLE = new WeakMap(); // entry -> its searchable text

// Characters that a search ignores: accents (Latin, Greek, Cyrillic), Hebrew points, Arabic
// harakat, the Arabic line that stretches a word, and invisible characters. Vowel signs of other
// scripts are letters to their readers, and stay.
const IGNORED_IN_SEARCH =
  /[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u00ad\u061c\u200b-\u200f\u2060\ufeff]/g;
// Letters that Unicode does not decompose, and the letters that people type instead. Arabic letters
// are mapped to the Persian ones.
const PLAIN = new Map(Object.entries({
  ß: "ss", ø: "o", ł: "l", đ: "d", ð: "d", ħ: "h", ŧ: "t", ı: "i", æ: "ae", œ: "oe", þ: "th", ŋ: "n", ς: "σ",
  ي: "ی", ى: "ی", ك: "ک", ة: "ه", "’": "'", "‘": "'", "ʼ": "'",
}));
// Milliseconds between two checks whether voting is resumed. A pause is up to twice as long.
const SUSPENDED_PAUSE = 5_000;

// The whole state of the page. The section "Drawing" makes the page from it. Only the section
// "Actions" changes it.
const state = {
  contest: null,
  mine: null, // the answer of votes/mine; null without a usable pass
  choices: new Map(), // category id -> Set of entry ids, not cast yet
  replacing: null, // the recorded ballot that is being changed
  casting: null, // the ballot to confirm, or that is being sent: { body, votes, replaces, sent }
  wasRefused: false, // whether a ballot was refused during the present suspension
  open: new Set(), // ids of unfolded categories
  shown: new Map(), // category id -> how many of its entries are drawn
  ballotsShown: BALLOTS_AT_ONCE, // how many of the recorded ballots are drawn
  query: "",
  skew: 0, // milliseconds that the server's clock is ahead of this one
  loaded: 0, // time at which the state was fetched, by this clock
};

// Start -------------------------------------------------------------------------------------------

async function start() {
  addEventListener("hashchange", () => location.reload());
  addEventListener("pageshow", (event) => event.persisted && !state.casting && refresh());
  addEventListener("beforeunload", (event) => state.casting?.sent && event.preventDefault());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !state.casting && state.contest && Date.now() - state.loaded > 60_000) refresh();
  });
  $("ballot").addEventListener("submit", (event) => {
    event.preventDefault();
    review();
  });
  $("find").addEventListener("input", find);
  $("find").addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  for (const [id, act] of Object.entries({ cast, back, cancel: cancelChange })) $(id).addEventListener("click", act);
  $("window").textContent = "Loading the contest…";
  await refresh();
  if (!state.contest) return;
  restoreDraft();
  const first = categories().find(editable) ?? (categories().length === 1 ? categories()[0] : null);
  if (first) state.open.add(first.id);
  draw();
}

// Fetches the voter's ballots once, where the next ballot depends on them.
async function refreshMine() {
  const mine = await call("GET", "/votes/mine", { pass: true }).catch(() => null);
  if (mine?.status !== 200 || state.casting) return;
  state.mine = mine.body;
  draw();
}

// Fetches the contest and the voter's ballots, and draws them.
async function refresh() {
  const waiting = (answer, pause) => notice(codeOf(answer), {}, sentence("waiting", pause));
  const again = () => button("Try again", refresh);
  const contest = await retry(() => call("GET", ""), waiting);
  if (contest?.status !== 200) {
    if (!state.contest) $("window").textContent = "";
    return notice(codeOf(contest), valuesOf(contest), again());
  }
  const resumed = state.contest?.suspended && !contest.body.suspended;
  state.contest = contest.body;
  state.skew = contest.date ? contest.date - Date.now() : 0;
  state.loaded = Date.now();
  if (phase() !== "suspended") state.wasRefused = false;
  // The notice of the suspension stays while the page checks whether the suspension is over.
  const lasting = state.wasRefused ? "voting-suspended" : null;
  notice(lasting, valuesOf());
  if (PASS) {
    const mine = await retry(() => call("GET", "/votes/mine", { pass: true }), waiting);
    state.mine = mine?.status === 200 ? mine.body : null;
    if (state.mine) notice(lasting, valuesOf());
    else notice(codeOf(mine), valuesOf(mine), !mine || RETRYABLE.has(mine.status) ? again() : null);
  } else if (phase() !== "ended") {
    notice("no-pass");
  }
  state.replacing = standing().find((ballot) => ballot.ballot === state.replacing?.ballot) ?? null;
  if (resumed && !state.replacing) restoreDraft();
  awaitNextPhase();
  if (!state.casting) draw();
}

// Draws the page again at the instant when voting opens or ends or a day begins. It fetches the
// state a random number of seconds later, so that not all pages send a request at once. While
// voting is suspended no instant is known: the page fetches the state from time to time.
function awaitNextPhase() {
  clearTimeout(state.timer);
  if (phase() === "suspended") {
    state.timer = setTimeout(() => !state.casting && refresh(), SUSPENDED_PAUSE * (1 + Math.random()));
    return;
  }
  const { opens, closes } = state.contest;
  const instants = [opens, closes, ...days().map(([, first]) => first)];
  const next = Math.min(...instants.map((at) => Date.parse(at) - now()).filter((left) => left > 0));
  if (next === Infinity) return;
  state.timer = setTimeout(() => {
    if (next > MAX_TIMER) return awaitNextPhase();
    if (!state.casting) draw();
    state.timer = setTimeout(() => !state.casting && refresh(), 1000 + Math.random() * 9000);
  }, Math.min(next + 50, MAX_TIMER));
}

// Derived state -----------------------------------------------------------------------------------

const now = () => Date.now() + state.skew;
const categories = () => state.contest.categories;
const rules = () => state.contest.rules.ballot;
const isFinal = () => rules().revision !== "replace";
const days = () => state.contest.days ?? [];
const standing = () => state.mine?.ballots ?? [];
// The day or the ballot's number to vote in; undefined without periods, or if no category is left.
const period = () => (state.replacing ?? state.mine)?.period;
const onSheet = () => standing().filter((ballot) => ballot.period === period());
// The ballots on the sheet beside the present choices: all but the one that is being changed.
const otherBallots = () => onSheet().filter(({ ballot }) => ballot !== state.replacing?.ballot);
const ballotIn = (category) => onSheet().find((ballot) => ballot.selections.some(([id]) => id === category.id));
// Least and most different entries that a ballot votes for in a category.
const votesIn = (category) => category.votes ?? rules().votes_per_category;
const limits = () => state.contest.rules.limits ?? [];
const chosenIn = (category) => state.choices.get(category.id) ?? new Set();
const categoryOf = (id) => categories().find((category) => category.id === id) ?? { id, title: id };
const entriesOf = (category) => state.contest.entries.filter((entry) => entry.category === category.id);
const titlesOf = (ids) => ids.map((id) => title(categoryOf(id)).text).join(", ");
const entryOf = (id) => state.contest.entries.find((entry) => entry.id === id) ?? { id, title: id };
const votes = () =>
  categories().filter(editable).flatMap((category) => [...chosenIn(category)].map((entry) => [category.id, entry]));

// The phase of the contest by the server's clock: "before", "open", "suspended" or "ended".
function phase() {
  const { phase, opens, closes, suspended } = state.contest;
  if (phase === "draft" || (phase === "open" && now() < Date.parse(opens))) return "before";
  if (phase !== "open" || now() >= Date.parse(closes)) return "ended";
  return suspended ? "suspended" : "open";
}

// Whether the voter can replace this ballot now. A ballot of an earlier day cannot be replaced.
function changeable(ballot) {
  const past = rules().period === "day" && ballot.period !== state.mine.period;
  return ballot.status !== "voided" && !past && !isFinal() && !state.replacing && phase() === "open";
}

// The instant from which the voter can vote again if another day follows, else null.
function nextDay() {
  const next = days().find(([, first]) => Date.parse(first) > now());
  return next && Date.parse(next[1]) < Date.parse(state.contest.closes) ? next[1] : null;
}

// Whether the voter can choose in this category now.
function editable(category) {
  return phase() === "open" && isOffered(category);
}

// Whether a choice in this category can be cast with the next ballot, now or once voting is
// resumed.
function isOffered({ id }) {
  const { mine, replacing } = state;
  if (!mine || !["open", "suspended"].includes(phase())) return false;
  if (!replacing) return mine.left?.includes(id) ?? false;
  if (replacing.selections.some(([own]) => own === id)) return true;
  // Older ballots, which the server has not listed, may fill other categories.
  return mine.older === undefined && isLeft(categoryOf(id), used(otherBallots()));
}

// Entries of a category that the search finds.
function matching(category) {
  const isMatch = (entry) => searchableOf(entry).includes(state.query);
  return state.query ? entriesOf(category).filter(isMatch) : entriesOf(category);
}

// The searchable texts of an entry, in the form in which texts are compared. They are made once for
// each entry: there may be thousands.
function searchableOf(entry) {
  if (!SEARCHABLE.has(entry)) {
    const texts = [entry.title, title(entry).text, entry.summary ?? "", ...(entry.details ?? []).flat()];
    SEARCHABLE.set(entry, texts.map(searchable).join("\n"));
  }
  return SEARCHABLE.get(entry);
}

// The first reason why the choices cannot be cast: [code, values, category to show].
function mistake() {
  const short = categories().find((c) => editable(c) && chosenIn(c).size > 0 && chosenIn(c).size < votesIn(c)[0]);
  if (short) return ["too-few", { least: votesIn(short)[0], category: title(short).text }, short];
  if (votes().length === 0) return ["nothing-chosen", {}, categories().find(editable)];
  const cast = used(otherBallots()).votes;
  const most = rules().votes_in_all ?? Infinity;
  if (cast + votes().length > most) {
    const values = { votes: plural(most, "vote", "votes"), cast, chosen: votes().length, left: most - cast };
    return [cast ? "too-many-more-in-all" : "too-many-in-all", values, categoryOf(votes()[0][0])];
  }
  return beyondLimit();
}

// The first limit over several categories that the choices exceed, as a mistake; else null.
function beyondLimit() {
  const { filled } = used(otherBallots());
  for (const limit of limits()) {
    const { categories: ids, most } = limit;
    const cast = filledIn(limit, filled).length;
    const chosen = ids.filter((id) => !filled.has(id) && votes().some(([category]) => category === id));
    if (cast + chosen.length > most) {
      const values = { most, count: ids.length, categories: titlesOf(ids), cast, chosen: chosen.length, left: Math.max(most - cast, 0) };
      return [cast ? "too-many-more-categories" : "too-many-categories", values, categoryOf(chosen[0])];
    }
  }
  return null;
}

// The categories that ballots fill, and the number of their votes.
function used(ballots) {
  const selections = ballots.flatMap((ballot) => ballot.selections);
  return { filled: new Set(selections.map(([id]) => id)), votes: selections.length };
}

const filledIn = (limit, filled) => limit.categories.filter((id) => filled.has(id));

// The limit that keeps a ballot from filling this category beside `filled`; undefined if there is
// none.
function limitReached({ id }, filled) {
  return limits().find((limit) => limit.categories.includes(id) && filledIn(limit, filled).length >= limit.most);
}

// Whether the votes that are left in all are enough for this category.
function isAffordable(category, votes) {
  return votes + votesIn(category)[0] <= (rules().votes_in_all ?? Infinity);
}

// Whether a category is left on a sheet with these filled categories and this number of votes.
function isLeft(category, { filled, votes }) {
  return !filled.has(category.id) && isAffordable(category, votes) && !limitReached(category, filled);
}

// The reason why the voter's ballots in other categories close this one; "" if they do not.
function reasonClosed(category) {
  if (!state.mine || !["open", "suspended"].includes(phase()) || isOffered(category)) return "";
  const { filled, votes } = used(otherBallots());
  const limit = limitReached(category, filled);
  if (limit) return `Not open to you: you have voted in ${titlesOf(filledIn(limit, filled))}`;
  if (isAffordable(category, votes)) return "";
  return `Not open to you: you have cast ${votes} of your ${plural(rules().votes_in_all, "vote", "votes")}`;
}

// The largest number of categories of this sheet that the voter can vote in: the recorded ones, the
// chosen ones, and as many others as the rules allow beside them.
function mostCategories() {
  const sheet = used(otherBallots());
  const bounds = ({ id }) => limits().filter((limit) => limit.categories.includes(id)).length;
  const rank = (category) => (chosenIn(category).size ? -1 : bounds(category));
  for (const category of categories().filter(editable).sort((a, b) => rank(a) - rank(b))) {
    if (!isLeft(category, sheet)) continue;
    sheet.filled.add(category.id);
    sheet.votes += Math.max(votesIn(category)[0], chosenIn(category).size);
  }
  return sheet.filled.size;
}

// Actions -----------------------------------------------------------------------------------------

function choose(category, entry, input) {
  const [, most] = votesIn(category);
  const chosen = new Set(most === 1 ? [] : chosenIn(category));
  if (input.checked && chosen.size >= most) {
    input.checked = false;
    return barNote("too-many", { most, category: title(category).text });
  }
  if (input.checked) chosen.add(entry.id);
  else chosen.delete(entry.id);
  setChoice(category, chosen);
}

function setChoice(category, chosen) {
  if (chosen.size) state.choices.set(category.id, chosen);
  else state.choices.delete(category.id);
  barNote();
  saveDraft();
  drawState(category);
  drawBar();
}

function toggle(category, open) {
  if (open) state.open.add(category.id);
  else state.open.delete(category.id);
  drawCategory(category);
  focusOn(`toggle-${category.id}`);
}

function find() {
  state.query = searchable($("find").value);
  state.shown.clear();
  drawCategories();
  const count = categories().reduce((sum, category) => sum + matching(category).length, 0);
  $("found").textContent = state.query ? `${plural(count, "entry", "entries")} found` : "";
}

function change(ballot) {
  state.replacing = ballot;
  state.choices = new Map();
  for (const [category, entry] of ballot.selections) {
    state.choices.set(category, (state.choices.get(category) ?? new Set()).add(entry));
    state.open.add(category);
  }
  draw();
  notice();
  const others = categories().some((category) => editable(category) && !ballot.selections.some(([id]) => id === category.id));
  barNote(others ? "changing-or-moving" : "changing");
  focusOn(`toggle-${ballot.selections[0]?.[0]}`);
}

function cancelChange() {
  state.replacing = null;
  state.choices = new Map();
  restoreDraft();
  draw();
  notice("unchanged");
  focusOn("notice");
}

// Checks the choices. Final votes are shown once more before they are cast.
function review() {
  const wrong = mistake();
  if (wrong) {
    const [code, values, category] = wrong;
    if (category) toggle(category, true);
    return barNote(code, values);
  }
  const ballot = { selections: votes().map(([category, entry]) => ({ category, entry })) };
  const replaces = state.replacing?.ballot;
  if (replaces) ballot.replaces = replaces;
  if (period() !== undefined) ballot.period = period();
  state.casting = { body: JSON.stringify(ballot), votes: votes(), replaces, period: period(), sent: false };
  notice();
  if (!isFinal()) return cast();
  drawReview();
  focusOn("review-title");
}

async function back() {
  state.casting = null;
  if (!$("notice").hidden) await refresh();
  draw();
  focusOn("submit");
}

// Sends the ballot, the same bytes each time, until the server answers its outcome.
async function cast() {
  const { casting } = state;
  casting.sent = true;
  notice();
  drawReview("Sending your ballot…");
  focusOn("review-title");
  const send = () => call("POST", "/ballots", { pass: true, body: casting.body });
  let answer = await retry(send, (failed, pause) =>
    drawReview(`${sentence(codeOf(failed)).textContent} ${sentence("waiting", pause).textContent}`));
  if (answer?.body?.status === "accepted") answer = await untilDecided(answer);
  casting.sent = false;
  if (!answer || RETRYABLE.has(answer.status)) {
    drawReview();
    notice("unknown", { why: sentence(codeOf(answer)).textContent });
    $("cast").textContent = "Send the same ballot again";
    $("back").textContent = "Show what is recorded";
    return focusOn("notice");
  }
  const recorded = answer.body?.status === "recorded";
  if (recorded) addRecorded(casting, answer.body);
  if (codeOf(answer) === "voting-suspended") state.wasRefused = true;
  if (!recorded) await refresh();
  state.casting = null;
  draw();
  notice(recorded ? "recorded-now" : codeOf(answer), valuesOf(answer));
  focusOn("notice");
  // The categories left depend on ballots that this page may not have.
  const isUnlisted = casting.replaces && state.mine?.older !== undefined;
  if (recorded && (rules().period === "counted" || isUnlisted)) await refreshMine();
}

// Adds a recorded ballot to the state. The page shows it at once, also if the server does not
// answer again.
function addRecorded({ votes, replaces, period: cast }, { ballot, status, index, leaf_hash }) {
  for (const [category] of votes) {
    state.choices.delete(category);
    state.open.delete(category);
  }
  const all = categories().map((category) => category.id);
  const mine = (state.mine ??= { ballots: [], left: all, period: cast, ballots_left: rules().ballots_per_voter });
  mine.ballots = mine.ballots.filter((old) => ![replaces, ballot].includes(old.ballot));
  mine.ballots.push({ ballot, status, index, leaf_hash, period: cast, selections: votes });
  state.replacing = null;
  if (mine.left && mine.period === cast) {
    // A ballot that replaces another one can leave a category. This category, and the categories
    // that a limit closed because of it, are open again.
    const known = replaces && mine.older === undefined ? all : mine.left;
    const sheet = used(onSheet());
    mine.left = known.filter((id) => isLeft(categoryOf(id), sheet));
    if (rules().period === "counted" && mine.left.length === 0) beginNext(mine);
  }
  if (replaces) restoreDraft();
  saveDraft();
}

// Begins the next numbered ballot, by the ballots that this page knows. The page then also fetches
// the voter's ballots from the server.
function beginNext(mine) {
  const cast = new Set(standing().map((ballot) => Number(ballot.period)));
  let number = 1;
  while (cast.has(number)) number += 1;
  mine.ballots_left = Math.max(mine.ballots_left - 1, 0);
  const more = mine.ballots_left > 0 && number <= rules().ballots_per_voter;
  mine.period = more ? String(number) : undefined;
  mine.left = more ? categories().map((category) => category.id) : [];
  if (more) state.open.add(categories()[0].id);
}

// Requests the status of a ballot that the server has accepted, until it is recorded or rejected.
async function untilDecided(answer) {
  for (let tries = 0; tries < 30 && answer.body?.status === "accepted"; tries += 1) {
    drawReview("The server has your ballot and is about to record it…");
    await wait(1 + tries / 10);
    const next = await call("GET", `/ballots/${encodeURIComponent(answer.body.ballot)}`).catch(() => null);
    if (next?.status === 200) answer = next;
  }
  return answer;
}

function saveDraft() {
  if (state.replacing) return;
  try {
    const kept = [...state.choices].map(([category, entries]) => [category, [...entries]]);
    if (kept.length) sessionStorage.setItem(DRAFT, JSON.stringify(kept));
    else sessionStorage.removeItem(DRAFT);
  } catch {
    // Without storage, a reload loses choices that are not cast. The rest of the page works.
  }
}

function restoreDraft() {
  try {
    for (const [id, kept] of JSON.parse(sessionStorage.getItem(DRAFT)) ?? []) {
      const offered = (entry) => entriesOf({ id }).some((known) => known.id === entry && !known.withdrawn);
      const entries = isOffered({ id }) ? kept.filter(offered) : [];
      if (entries.length) state.choices.set(id, new Set(entries));
    }
  } catch {
    // There is no storage, or it has no draft of this page.
  }
}

// Drawing -----------------------------------------------------------------------------------------

function draw() {
  const { contest } = state;
  setTitle($("title"), contest);
  document.title = title(contest).text;
  for (const name of ["before", "open", "suspended", "ended"]) $(`badge-${name}`).hidden = name !== phase();
  $("badge-test").hidden = !contest.test;
  $("badge-test").parentElement.hidden = false;
  drawWindow();
  drawHint();
  drawPeriod();
  drawRecorded();
  drawCategories();
  drawBar();
  $("find-part").hidden = contest.entries.length <= 12;
  $("review").hidden = true;
  $("ballot").hidden = false;
  $("about-link").hidden = !PASS;
  $("origin").textContent = contest.log?.origin ?? "";
  $("vkey").textContent = contest.log?.vkey ?? "";
  $("about").hidden = false;
}

function drawWindow() {
  const { opens, closes, phase: stage, rules, under_correction: corrected } = state.contest;
  const parts = {
    before: ["Voting opens on ", time(opens), " and ends on ", time(closes), "."],
    open: ["You can vote until ", time(closes), "."],
    suspended: ["Voting is suspended by the organiser. Once it is resumed, you can vote here again. Voting ends on ", time(closes), "."],
    ended: ["Voting ended on ", time(closes), ". "],
  }[phase()];
  if (phase() === "ended") {
    const link = document.createElement("a");
    link.href = `${API}/result?format=html`;
    // After a reopening everyone can read the result that was certified before, under all rules of
    // publication.
    link.textContent = stage === "certified" ? "Read the certified result"
      : corrected ? "Read the certified result, which is being corrected"
      : "Read the provisional result";
    const readable = stage === "certified" || corrected || (rules.publication.result === "closed" && stage !== "open");
    parts.push(readable ? link : "The result is published once it is certified.");
  }
  $("window").replaceChildren(...parts);
}

function drawHint() {
  const numbers = categories().map(votesIn);
  const [least, most] = [Math.min(...numbers.map(([least]) => least)), Math.max(...numbers.map(([, most]) => most))];
  const same = numbers.every(([few, many]) => few === least && many === most);
  const each = !same ? "as many entries as the category says" : most === 1 ? "one entry" : least === most ? `${most} entries` : `${least} to ${most} entries`;
  const many = categories().length > 1;
  $("hint").hidden = ["suspended", "ended"].includes(phase());
  $("hint").textContent = [
    `Choose ${each}${many ? " in each category that you wish to vote in" : ""}.`,
    rules().votes_in_all ? `You have ${plural(rules().votes_in_all, "vote", "votes")} in all.` : "",
    ...limits().map((limit) => `You can vote in at most ${limit.most} of these ${limit.categories.length} categories: ${titlesOf(limit.categories)}.`),
    { day: `You can vote once a day, by the clock of ${state.contest.time_zone}.`,
      counted: `You have ${plural(rules().ballots_per_voter, "ballot", "ballots")} to cast.` }[rules().period] ?? "",
    many && rules().completion === "all" ? `Your votes count only once you have voted in every category${sameSheet()}.` : "",
    many ? "You may vote in some now and go on later with the same link." : "",
    isFinal() ? "A recorded vote is final." : "A recorded vote can be changed until voting ends.",
  ].filter(Boolean).join(" ");
}

const sameSheet = () => ({ day: " on the same day", counted: " with the same ballot" })[rules().period] ?? "";

// With periods: draws the period to vote in now, or the time of the next one.
function drawPeriod() {
  const { mine } = state;
  const parts = [];
  if (mine && phase() === "open" && !mine.left) {
    parts.push("You have cast more ballots than this page can check. You may have votes left: ask the organiser.");
  } else if (mine && phase() === "open" && rules().period === "counted") {
    const left = mine.ballots_left;
    if (mine.period === undefined) parts.push("You have cast all of your ballots.");
    else parts.push(`This is your ballot number ${mine.period}. You have ${plural(left, "ballot", "ballots")} left.`);
  } else if (mine && phase() === "open" && rules().period === "day") {
    const next = nextDay();
    const done = mine.left.length === 0;
    parts.push(done ? "You have voted today." : `This is your vote of ${dayName(mine.period)}.`);
    if (done && next) parts.push(" You can vote again tomorrow, from ", time(next), ".");
    if (done && !next) parts.push(" It is the last day of voting.");
  }
  $("period").hidden = parts.length === 0;
  $("period").replaceChildren(...parts);
}

// The name of a recorded ballot; "" without periods.
function ballotName({ period }) {
  return { day: `Vote of ${dayName(period)}`, counted: `Ballot number ${period}` }[rules().period] ?? "";
}

function drawRecorded() {
  $("recorded").hidden = standing().length === 0;
  // With several days or numbers, the newest ballots come first.
  const all = rules().period === "once" ? standing() : [...standing()].reverse();
  const more = button(`Show more of your ${state.mine?.older ? "newest " : ""}${all.length} ballots`, () => {
    state.ballotsShown += BALLOTS_AT_ONCE;
    drawRecorded();
    focusOn(`recorded-${all[state.ballotsShown - BALLOTS_AT_ONCE].ballot}`);
  });
  const parts = all.slice(0, state.ballotsShown).map((ballot) => {
    const part = clone("recorded-template");
    part.id = `recorded-${ballot.ballot}`;
    part.querySelector(".of-period").textContent = ballotName(ballot);
    part.querySelector(".of-period").hidden = !ballotName(ballot);
    part.querySelector(".chosen").append(...choiceList(ballot.selections));
    part.querySelector(".id").textContent = ballot.ballot;
    part.querySelector(".index").textContent = ballot.index;
    const receipt = part.querySelector(".proof a");
    part.querySelector(".leaf").textContent = ballot.leaf_hash ?? "";
    receipt.href = `${API}/ballots/${encodeURIComponent(ballot.ballot)}/proof?with=leaf-hash`;
    receipt.download = `receipt-${CONTEST}-${ballot.ballot}.txt`;
    part.querySelector(".is-voided").hidden = ballot.status !== "voided";
    part.querySelector(".reason").textContent = ballot.reason ?? "";
    part.querySelector(".change").parentElement.hidden = !changeable(ballot);
    part.querySelector(".change").addEventListener("click", () => change(ballot));
    return part;
  });
  if (all.length > state.ballotsShown) parts.push(more);
  $("recorded-list").replaceChildren(...parts);
}

function drawCategories() {
  $("categories").replaceChildren();
  for (const category of categories()) if (!state.query || matching(category).length) drawCategory(category);
}

function drawCategory(category) {
  const part = clone("category-template");
  const open = Boolean(state.query) || state.open.has(category.id);
  const switcher = part.querySelector("h2 button");
  const inside = part.querySelector(".inside");
  part.id = `category-${category.id}`;
  switcher.id = `toggle-${category.id}`;
  inside.id = `inside-${category.id}`;
  inside.hidden = !open;
  switcher.setAttribute("aria-expanded", String(open));
  switcher.setAttribute("aria-controls", inside.id);
  switcher.addEventListener("click", () => toggle(category, !open));
  for (const line of part.querySelectorAll(".title")) setTitle(line, category);
  if (open) drawInside(category, inside);
  const old = $(part.id);
  if (old) old.replaceWith(part);
  else $("categories").append(part);
  drawState(category);
}

function drawInside(category, inside) {
  const [least, most] = votesIn(category);
  const count = most === 1 ? "one" : least === most ? most : `${least} to ${most}`;
  const entries = matching(category);
  const shown = state.shown.get(category.id) ?? ENTRIES_AT_ONCE;
  inside.querySelector(".verb").textContent = editable(category) ? `Choose ${count}` : "Entries";
  inside.querySelector("fieldset").append(...entries.slice(0, shown).map((entry) => drawEntry(category, entry)));
  const act = (name, visible, action) => {
    const control = inside.querySelector(name);
    control.hidden = !visible;
    control.addEventListener("click", action);
    return control;
  };
  act(".more", entries.length > shown, () => {
    state.shown.set(category.id, shown + ENTRIES_AT_ONCE);
    drawCategory(category);
    focusOn(`entry-${entries[shown].id}`);
  }).textContent = `Show more of ${entries.length} entries`;
  const next = categories().slice(categories().indexOf(category) + 1).find(editable);
  act(".next", next && editable(category) && !state.query, () => {
    toggle(category, false);
    toggle(next, true);
    $(`category-${next.id}`).scrollIntoView({ block: "start" });
  });
  act(".clear", false, () => {
    setChoice(category, new Set());
    toggle(category, true);
  });
}

function drawEntry(category, entry) {
  const part = clone("entry-template");
  const [input, label, image] = ["input", ".name", "img"].map((name) => part.querySelector(name));
  const voted = ballotIn(category)?.selections.some(([, id]) => id === entry.id) ?? false;
  const name = title(entry).text;
  part.classList.toggle("voted", voted);
  setTitle(label, entry);
  if (editable(category) && !entry.withdrawn) {
    input.type = votesIn(category)[1] === 1 ? "radio" : "checkbox";
    input.id = label.htmlFor = `entry-${entry.id}`;
    input.name = category.id;
    input.value = entry.id;
    input.checked = chosenIn(category).has(entry.id);
    input.addEventListener("change", () => choose(category, entry, input));
  } else {
    const text = document.createElement("span");
    text.className = "name";
    text.id = `entry-${entry.id}`;
    text.tabIndex = -1;
    setTitle(text, entry);
    label.replaceWith(text);
    input.remove();
  }
  for (const [at, visible] of [[".is-voted", voted], [".is-withdrawn", entry.withdrawn], [".summary", entry.summary]]) {
    if (!visible) part.querySelector(at).remove();
  }
  if (entry.summary) {
    part.querySelector(".summary").textContent = entry.summary;
    part.querySelector(".summary").id = `summary-${entry.id}`;
    input.setAttribute("aria-describedby", `summary-${entry.id}`);
  }
  for (const [key, value] of entry.details ?? []) {
    const row = document.createElement("div");
    row.append(textIn("dt", `${key}:`), textIn("dd", value));
    part.querySelector("dl").append(row);
  }
  if (!entry.details?.length) part.querySelector("dl").remove();
  const picture = webAddress(entry.image);
  image.alt = `Picture of ${name}`;
  image.addEventListener("error", () => {
    image.remove();
    part.querySelector(".picture").remove();
  });
  if (picture) image.src = picture;
  else image.remove();
  for (const [at, address] of [[".picture", picture], [".page", webAddress(entry.url)]]) {
    const link = part.querySelector(at);
    link.setAttribute("aria-label", `${link.textContent}: ${name} (opens a new tab)`);
    if (address) link.href = address;
    else link.remove();
  }
  return part;
}

// Draws the line under a category's title: the choices or the recorded votes.
function drawState(category) {
  const line = $(`category-${category.id}`)?.querySelector(".state");
  if (!line) return;
  const names = (ids) => ids.map((id) => title(entryOf(id)).text).join("; ");
  const ballot = ballotIn(category);
  const chosen = [...chosenIn(category)];
  const [kind, text] =
    isOffered(category) && chosen.length ? ["chosen", `Chosen, not cast yet: ${names(chosen)}`]
    : editable(category) ? ["", "Nothing chosen yet"]
    : ballot ? ["done", `✓ Recorded: ${names(ballot.selections.filter(([id]) => id === category.id).map(([, id]) => id))}`]
    : ["", reasonClosed(category) || plural(entriesOf(category).length, "entry", "entries")];
  line.className = `state ${kind}`;
  line.textContent = text;
  $(`inside-${category.id}`).querySelector(".clear").hidden = !editable(category) || chosen.length === 0;
}

function drawBar() {
  $("bar").hidden = !categories().some(editable);
  const chosen = categories().filter((category) => editable(category) && chosenIn(category).size > 0).length;
  const recorded = categories().filter((category) => ballotIn(category) && !editable(category)).length;
  const [all, most] = [chosen + recorded, mostCategories()];
  $("count").textContent = all > most ? `${plural(all, "category", "categories")} chosen, at most ${most} allowed`
    : `${all} of ${plural(most, "category", "categories")} chosen`;
  $("count-more").textContent =
    chosen ? `${recorded ? `${recorded} recorded, ` : ""}${chosen} not cast yet` : recorded ? `${recorded} recorded` : "";
  if (state.replacing) {
    $("count").textContent = "Changing a recorded vote";
    $("count-more").textContent = "";
  }
  $("submit").textContent = state.replacing ? "Cast the changed vote" : isFinal() ? "Review and cast" : "Cast my vote";
  $("cancel").hidden = !state.replacing;
}

// Draws the choices once more: to confirm, or with `progress` while they are being sent.
function drawReview(progress = "") {
  const chosen = state.casting.votes;
  const these = chosen.length === 1 ? "this vote" : `these ${chosen.length} votes`;
  $("review-title").textContent = progress ? `Casting ${these}` : `Cast ${these}?`;
  $("review-final").hidden = Boolean(progress) || !isFinal();
  $("review-list").replaceChildren(...choiceList(chosen));
  $("progress").hidden = !progress;
  $("progress").textContent = progress;
  $("review-buttons").hidden = Boolean(progress);
  $("cast").textContent = `Cast ${these}`;
  $("back").textContent = "Go back";
  for (const id of ["recorded", "ballot"]) $(id).hidden = true;
  $("review").hidden = false;
}

// Returns pairs of category and entry as the rows of a description list.
function choiceList(pairs) {
  const row = (tag, thing) => {
    const cell = document.createElement(tag);
    setTitle(cell, thing);
    return cell;
  };
  return categories().filter((category) => pairs.some(([id]) => id === category.id)).flatMap((category) => [
    row("dt", category),
    ...pairs.filter(([id]) => id === category.id).map(([, id]) => row("dd", entryOf(id))),
  ]);
}

// Sentences ---------------------------------------------------------------------------------------

// Shows a sentence at the head of the page, or hides the last one.
function notice(code, values = {}, ...more) {
  const box = $("notice");
  box.hidden = !code;
  if (!code) return box.replaceChildren();
  const text = sentence(code, values);
  // A screen reader would read the same notice out again.
  if (box.childElementCount === 1 && more.every((part) => !part) && box.firstElementChild.isEqualNode(text)) return;
  box.className = `notice ${text.className}`;
  box.replaceChildren(text, ...more.filter(Boolean));
}

// Shows a sentence beside the button that casts, or hides the last one.
function barNote(code, values = {}) {
  $("bar-note").hidden = !code;
  $("bar-note").replaceChildren(...(code ? [sentence(code, values)] : []));
}

// Returns a sentence of ballot.html with its {words} filled in.
function sentence(code, values = {}) {
  const text = clone("sentences", code) ?? clone("sentences", "other");
  for (const part of text.children) {
    part.textContent = part.textContent.replace(/\{(\w+)\}/g, (_, word) => values[word] ?? "").trim();
  }
  return text;
}

// Returns the code of the sentence for an answer. `null` means that there is no answer.
function codeOf(answer) {
  if (!answer) return "offline";
  if (answer.body?.status === "rejected" && answer.body.reason === "voting-suspended") return "voting-suspended";
  if (answer.status < 300) return `status-${answer.body?.status}`;
  const code = String(answer.body?.type ?? "").split("/").pop();
  if (code === "invalid-selection" && answer.body.reason === "wrong-period") return "wrong-period";
  if (RETRYABLE.has(answer.status) && code !== "too-many-requests") return "busy";
  return code || "other";
}

function valuesOf(answer) {
  const body = answer?.body ?? {};
  const named = body.categories ?? (body.category ? [body.category] : []);
  const titles = state.contest ? named.map((id) => title(categoryOf(id)).text) : named;
  const at = (instant) => (instant ? localTime(instant) : "");
  return { ...body, status: answer?.status, opens: at(body.opens), closes: at(body.closes ?? state.contest?.closes), categories: titles.join(", ") };
}

// Requests to the server --------------------------------------------------------------------------

// Sends one request. Rejects if no complete answer comes in time.
async function call(method, path, { pass = false, body } = {}) {
  const headers = {};
  if (pass) headers.Authorization = `Bearer ${PASS}`;
  if (body) headers["Content-Type"] = "application/json";
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(), REQUEST_TIMEOUT);
  try {
    const options = { method, headers, body, signal: timer.signal, cache: "no-cache", credentials: "omit" };
    const response = await fetch(API + path, options);
    const text = await response.text();
    return {
      status: response.status,
      body: parsed(text),
      date: Date.parse(response.headers.get("Date") ?? ""),
      retryAfter: Number(response.headers.get("Retry-After")),
    };
  } finally {
    clearTimeout(timeout);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page, or nothing
  }
}

// Repeats a request until its answer is final, at most MAX_TRIES times. Null if the last try has no
// answer.
async function retry(send, waiting) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send().catch(() => null);
    if ((answer && !RETRYABLE.has(answer.status)) || attempt === MAX_TRIES) return answer;
    // The pause is the one that the server requests, or twice as long each time. It is spread, so
    // that many pages do not send their requests at once.
    const requested = answer?.retryAfter > 0 ? answer.retryAfter : 0;
    const seconds = Math.min(Math.max(requested, 2 ** (attempt - 1)), MAX_PAUSE);
    waiting(answer, { seconds, attempt: attempt + 1, tries: MAX_TRIES });
    await wait(seconds * (1 + Math.random() / 4));
  }
}

// Waits, or returns earlier when the network comes back.
function wait(seconds) {
  return new Promise((resolve) => {
    const done = () => {
      removeEventListener("online", done);
      resolve();
    };
    addEventListener("online", done);
    setTimeout(done, seconds * 1000);
  });
}

// Small helpers -----------------------------------------------------------------------------------

function $(id) {
  return document.getElementById(id);
}

// The title in the reader's language, else the main title. Readers of English, the page's own
// language, get the main title before a language that comes later in their list.
function title(thing) {
  for (const language of navigator.languages ?? []) {
    const base = language.split("-")[0];
    const tag = [language, base].find((tag) => thing.titles?.[tag]);
    if (tag) return { text: thing.titles[tag], lang: tag };
    if (base === "en") break;
  }
  return { text: thing.title, lang: "" };
}

function setTitle(element, thing) {
  const { text, lang } = title(thing);
  element.textContent = text;
  element.dir = "auto";
  if (lang) element.lang = lang;
}

// The time by the reader's clock. If the contest's clock shows another time, that one follows: the
// organiser's texts use it.
function localTime(instant) {
  const format = { weekday: "short", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" };
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return instant;
  const here = date.toLocaleString("en-GB", { ...format, timeZoneName: "short" });
  const zone = state.contest?.time_zone;
  try {
    const there = zone && date.toLocaleString("en-GB", { ...format, timeZone: zone });
    return there && there !== date.toLocaleString("en-GB", format) ? `${here} (${there} in ${zone})` : here;
  } catch {
    return here; // the browser does not know the zone
  }
}

// "28 March 2021": a day of the contest, independent of the reader's time zone.
function dayName(day) {
  const date = new Date(`${day}T12:00:00Z`);
  const format = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
  return Number.isNaN(date.getTime()) ? day : date.toLocaleDateString("en-GB", format);
}

function time(instant) {
  const element = document.createElement("time");
  element.dateTime = instant;
  element.textContent = localTime(instant);
  return element;
}

// Returns an address only if it is a web address, never a script or data.
function webAddress(text) {
  try {
    const address = new URL(text);
    return ["http:", "https:"].includes(address.protocol) ? address.href : null;
  } catch {
    return null;
  }
}

function clone(template, id) {
  const { content } = $(template);
  return (id ? content.getElementById(id) : content.firstElementChild)?.cloneNode(true);
}

function button(text, act) {
  const element = textIn("button", text);
  element.type = "button";
  element.className = "quiet";
  element.addEventListener("click", () => act());
  return element;
}

function textIn(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  element.dir = "auto";
  return element;
}

// The form in which texts are searched: without case and accents, independent of how they were
// typed.
function searchable(text) {
  const plain = text.normalize("NFKD").toLowerCase().normalize("NFKD").replace(IGNORED_IN_SEARCH, "");
  return Array.from(plain, (letter) => PLAIN.get(letter) ?? letter).join("").replace(/\s+/g, " ").trim();
}

function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

function focusOn(id) {
  $(id)?.focus();
}

// Distinguishes the drafts of different links without storing the link (FNV-1a).
function fingerprint(text) {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193) >>> 0;
  return hash.toString(36);
}

// The list of contests, on `/`.
async function home() {
  const response = await fetch(`${BASE}v1/contests`).catch(() => null);
  const contests = response?.ok ? (await response.json()).contests : null;
  $("none").hidden = contests?.length !== 0;
  $("failed").hidden = contests !== null;
  for (const contest of contests ?? []) {
    const row = clone("contest-template");
    const link = row.querySelector("a");
    link.href = `${BASE}c/${encodeURIComponent(contest.id)}`;
    setTitle(link, contest);
    row.querySelector(".test").hidden = !contest.test;
    state.contest = contest;
    const words = { before: "Voting opens on ", open: "Voting is open until ", suspended: "Voting is suspended. It ends on ", ended: "Voting ended on " };
    row.querySelector(".when").append(words[phase()], time(phase() === "before" ? contest.opens : contest.closes), ".");
    $("contests").append(row);
  }
}

if (document.body.dataset.page === "home") home();
else start();
