// The ballot page: shows a contest, casts the voter's ballots and tells what is recorded. Also lists the contests on `/`.
//
// The pass is the fragment of the address (`/c/{contest}#{pass}`): browsers never send that part, it goes to the server in
// the Authorization header alone and is stored nowhere. Choices not cast yet are kept in sessionStorage, until they are
// recorded or the tab is closed. Texts of the server reach the page as text, never as markup.

const CONTEST = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const API = `/v1/contests/${encodeURIComponent(CONTEST)}`;
const PASS = location.hash.slice(1);
const DRAFT = `ballot:${CONTEST}:${fingerprint(PASS)}`;

// Answers that say "not now". The same request again is safe: the server knows a ballot by its content.
const RETRIED = new Set([408, 429, 500, 502, 503, 504]);
const TRIES = 8;
const LONGEST_PAUSE = 60; // seconds
const REQUEST_TIMEOUT = 20_000;
const ENTRIES_AT_ONCE = 60; // of a category; the others follow on demand
const LONGEST_TIMER = 2 ** 31 - 1; // of setTimeout

// All that the page knows. "Drawing" makes the page from it; only "Acts" change it.
const state = {
  contest: null,
  mine: null, // the answer of votes/mine; null without a usable pass
  choices: new Map(), // category id -> Set of entry ids, not cast yet
  replacing: null, // the recorded ballot that is being changed
  casting: null, // the ballot to be confirmed or under way: { body, votes, sent }
  open: new Set(), // ids of unfolded categories
  shown: new Map(), // category id -> how many of its entries are drawn
  query: "",
  skew: 0, // milliseconds that the server's clock is ahead of this one
  loaded: 0, // when the state was fetched, by this clock
};

// Start -----------------------------------------------------------------------------------------------------------

async function start() {
  addEventListener("hashchange", () => location.reload());
  addEventListener("pageshow", (event) => event.persisted && refresh());
  addEventListener("beforeunload", (event) => state.casting?.sent && event.preventDefault());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !state.casting && state.contest && Date.now() - state.loaded > 60_000) refresh();
  });
  $("ballot").addEventListener("submit", (event) => {
    event.preventDefault();
    review();
  });
  $("find").addEventListener("input", find);
  for (const [id, act] of Object.entries({ cast, back, cancel: cancelChange })) $(id).addEventListener("click", act);
  await refresh();
  if (!state.contest) return;
  restoreDraft();
  const first = categories().find(editable) ?? (categories().length === 1 ? categories()[0] : null);
  if (first) state.open.add(first.id);
  draw();
}

// Fetches the contest and the voter's ballots, and draws them.
async function refresh() {
  const waiting = (answer, pause) => notice(codeOf(answer), {}, sentence("waiting", pause));
  const again = () => button("Try again", refresh);
  const contest = await persist(() => call("GET", ""), waiting);
  if (contest?.status !== 200) return notice(codeOf(contest), valuesOf(contest), again());
  state.contest = contest.body;
  state.skew = contest.date ? contest.date - Date.now() : 0;
  state.loaded = Date.now();
  notice();
  state.mine = null;
  if (PASS) {
    const mine = await persist(() => call("GET", "/votes/mine", { pass: true }), waiting);
    if (mine?.status === 200) state.mine = mine.body;
    notice(state.mine ? null : codeOf(mine), valuesOf(mine), !mine || RETRIED.has(mine.status) ? again() : null);
  } else if (phase() !== "ended") {
    notice("no-pass");
  }
  state.replacing = standing().find((ballot) => ballot.ballot === state.replacing?.ballot) ?? null;
  awaitNextPhase();
  draw();
}

// Draws anew at the instant when voting opens or ends, and asks the server some seconds later: not all pages at once.
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

// What follows from the state -------------------------------------------------------------------------------------

const now = () => Date.now() + state.skew;
const categories = () => state.contest.categories;
const rules = () => state.contest.rules.ballot;
const isFinal = () => rules().revision !== "replace";
const standing = () => state.mine?.ballots ?? [];
const ballotIn = (category) => standing().find((ballot) => ballot.selections.some(([id]) => id === category.id));
const chosenIn = (category) => state.choices.get(category.id) ?? new Set();
const categoryOf = (id) => categories().find((category) => category.id === id) ?? { id, title: id };
const entriesOf = (category) => state.contest.entries.filter((entry) => entry.category === category.id);
const entryOf = (id) => state.contest.entries.find((entry) => entry.id === id) ?? { id, title: id };
const votes = () =>
  categories().filter(editable).flatMap((category) => [...chosenIn(category)].map((entry) => [category.id, entry]));

// Where the contest stands by the server's clock: "before", "open" or "ended".
function phase() {
  const { phase, opens, closes } = state.contest;
  if (phase === "draft" || (phase === "open" && now() < Date.parse(opens))) return "before";
  return phase === "open" && now() < Date.parse(closes) ? "open" : "ended";
}

// Whether the voter can choose in this category now.
function editable(category) {
  if (!state.mine || phase() !== "open") return false;
  if (state.replacing) return state.replacing.selections.some(([id]) => id === category.id);
  return state.mine.left.includes(category.id);
}

// Entries of a category that the search finds.
function matching(category) {
  const texts = (entry) => [entry.title, title(entry).text, entry.summary ?? "", ...(entry.details ?? []).flat()];
  const found = (entry) => texts(entry).join("\n").toLocaleLowerCase().includes(state.query);
  return state.query ? entriesOf(category).filter(found) : entriesOf(category);
}

// The first reason why the choices cannot be cast as they are: [code, values, category to look at].
function mistake() {
  const [least] = rules().votes_per_category;
  const short = categories().find((c) => editable(c) && chosenIn(c).size > 0 && chosenIn(c).size < least);
  if (short) return ["too-few", { least, category: title(short).text }, short];
  if (votes().length === 0) return ["nothing-chosen", {}, categories().find(editable)];
  const kept = standing().filter((ballot) => ballot !== state.replacing && ballot.status !== "voided");
  const cast = kept.flatMap((ballot) => ballot.selections).length;
  const most = rules().votes_in_all ?? Infinity;
  if (cast + votes().length <= most) return null;
  return ["too-many-in-all", { most, cast, left: most - cast }, categoryOf(votes()[0][0])];
}

// Acts ------------------------------------------------------------------------------------------------------------

function choose(category, entry, input) {
  const [, most] = rules().votes_per_category;
  const chosen = new Set(most === 1 ? [] : chosenIn(category));
  if (input.checked && chosen.size >= most) {
    input.checked = false;
    return notice("too-many", { most, category: title(category).text });
  }
  if (input.checked) chosen.add(entry.id);
  else chosen.delete(entry.id);
  setChoice(category, chosen);
}

function setChoice(category, chosen) {
  if (chosen.size) state.choices.set(category.id, chosen);
  else state.choices.delete(category.id);
  if (!state.replacing) notice();
  keepDraft();
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
  state.query = $("find").value.trim().toLocaleLowerCase();
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
  notice("changing");
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
    notice(code, values);
    return category ? toggle(category, true) : focusOn("notice");
  }
  const ballot = { selections: votes().map(([category, entry]) => ({ category, entry })) };
  if (state.replacing) ballot.replaces = state.replacing.ballot;
  state.casting = { body: JSON.stringify(ballot), votes: votes(), sent: false };
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

// Sends the ballot, the same bytes each time, until the server says what became of it.
async function cast() {
  const { casting } = state;
  casting.sent = true;
  notice();
  drawReview("Sending your ballot…");
  focusOn("review-title");
  const send = () => call("POST", "/ballots", { pass: true, body: casting.body });
  let answer = await persist(send, (failed, pause) =>
    drawReview(`${sentence(codeOf(failed)).textContent} ${sentence("waiting", pause).textContent}`));
  if (answer?.body?.status === "accepted") answer = await untilDecided(answer);
  casting.sent = false;
  if (!answer || RETRIED.has(answer.status)) {
    drawReview();
    notice("unknown", { why: sentence(codeOf(answer)).textContent });
    $("cast").textContent = "Send the same ballot again";
    $("back").textContent = "Show what is recorded";
    return focusOn("notice");
  }
  state.casting = null;
  const kept = answer.status < 300;
  if (kept) {
    for (const [category] of casting.votes) state.choices.delete(category);
    state.replacing = null;
    keepDraft();
  }
  if (kept || [403, 409, 422].includes(answer.status)) await refresh();
  draw();
  const recorded = kept && answer.body.status === "recorded";
  notice(recorded ? "recorded-now" : codeOf(answer), valuesOf(answer));
  focusOn("notice");
}

// The server has the ballot and will record it: asks until that is decided.
async function untilDecided(answer) {
  for (let tries = 0; tries < 30 && answer.body?.status === "accepted"; tries += 1) {
    drawReview("The server has your ballot and is about to record it…");
    await wait(1 + tries / 10);
    const next = await call("GET", `/ballots/${encodeURIComponent(answer.body.ballot)}`).catch(() => null);
    if (next?.status === 200) answer = next;
  }
  return answer;
}

function keepDraft() {
  if (state.replacing) return;
  try {
    const kept = [...state.choices].map(([category, entries]) => [category, [...entries]]);
    if (kept.length) sessionStorage.setItem(DRAFT, JSON.stringify(kept));
    else sessionStorage.removeItem(DRAFT);
  } catch {
    // Without storage a reload forgets what was not cast; all else works.
  }
}

function restoreDraft() {
  try {
    for (const [id, kept] of JSON.parse(sessionStorage.getItem(DRAFT)) ?? []) {
      const offered = (entry) => entriesOf({ id }).some((known) => known.id === entry && !known.withdrawn);
      const entries = editable({ id }) ? kept.filter(offered) : [];
      if (entries.length) state.choices.set(id, new Set(entries));
    }
  } catch {
    // No storage, or not written by this page: there is no draft.
  }
}

// Drawing ---------------------------------------------------------------------------------------------------------

function draw() {
  const { contest } = state;
  setTitle($("title"), contest);
  document.title = title(contest).text;
  for (const name of ["before", "open", "ended"]) $(`badge-${name}`).hidden = name !== phase();
  $("badge-test").hidden = !contest.test;
  $("badge-test").parentElement.hidden = false;
  drawWindow();
  drawHint();
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
  const { opens, closes, phase: stage, rules } = state.contest;
  const parts = {
    before: ["Voting opens on ", time(opens), " and ends on ", time(closes), "."],
    open: ["You can vote until ", time(closes), "."],
    ended: ["Voting ended on ", time(closes), ". "],
  }[phase()];
  if (phase() === "ended") {
    const link = document.createElement("a");
    link.href = `${API}/result`;
    link.textContent = stage === "certified" ? "Read the certified result" : "Read the provisional result";
    const readable = stage === "certified" || (rules.publication.result === "closed" && stage !== "open");
    parts.push(readable ? link : "The result is published once it is certified.");
  }
  $("window").replaceChildren(...parts);
}

function drawHint() {
  const [least, most] = rules().votes_per_category;
  const each = most === 1 ? "one entry" : least === most ? `${most} entries` : `${least} to ${most} entries`;
  const many = categories().length > 1;
  $("hint").hidden = phase() === "ended";
  $("hint").textContent = [
    `Choose ${each}${many ? " in each category that you wish to vote in" : ""}.`,
    rules().votes_in_all ? `You have ${plural(rules().votes_in_all, "vote", "votes")} in all.` : "",
    many && rules().completion === "all" ? "Your votes count only once you have voted in every category." : "",
    many ? "You may vote in some now and go on later with the same link." : "",
    isFinal() ? "A recorded vote is final." : "A recorded vote can be changed until voting ends.",
  ].filter(Boolean).join(" ");
}

function drawRecorded() {
  $("recorded").hidden = standing().length === 0;
  $("recorded-list").replaceChildren(...standing().map((ballot) => {
    const part = clone("recorded-template");
    part.querySelector(".chosen").append(...choiceList(ballot.selections));
    part.querySelector(".id").textContent = ballot.ballot;
    part.querySelector(".index").textContent = ballot.index;
    const receipt = part.querySelector(".proof a");
    receipt.href = `${API}/ballots/${encodeURIComponent(ballot.ballot)}/proof`;
    receipt.download = `receipt-${CONTEST}-${ballot.ballot}.txt`;
    const voided = ballot.status === "voided";
    part.querySelector(".is-voided").hidden = !voided;
    part.querySelector(".reason").textContent = ballot.reason ?? "";
    const changeable = !voided && !isFinal() && !state.replacing && phase() === "open";
    part.querySelector(".change").parentElement.hidden = !changeable;
    part.querySelector(".change").addEventListener("click", () => change(ballot));
    return part;
  }));
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
  const [least, most] = rules().votes_per_category;
  const count = most === 1 ? "one" : least === most ? most : `${least} to ${most}`;
  const entries = matching(category);
  const shown = state.shown.get(category.id) ?? ENTRIES_AT_ONCE;
  inside.querySelector(".verb").textContent = editable(category) ? `Choose ${count} in` : "Entries in";
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
    input.type = rules().votes_per_category[1] === 1 ? "radio" : "checkbox";
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
  image.addEventListener("error", () => image.remove());
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
