//! The definition of a contest: read from TOML or the same structure as JSON, checked, and every mistake reported at once.

mod amend;
mod contest_table;
mod contradictions;
mod entries;
mod entries_csv;
mod fields;
mod jury_tables;
mod mistakes;
mod rounds_table;
mod rules_tables;
mod supported;
pub mod text;
mod tree;
mod votes;
mod warnings;
mod window;
mod write;

pub use entries::MAX_ENTRIES;
use entries::{Categories, Entries};
use fields::Table;
use jiff::tz::TimeZone;
use mistakes::{Findings, Place, clipped};
pub use mistakes::{MAX_MISTAKES, Mistake, Mistakes};
use tree::Node;
pub use warnings::Warning;

use crate::{
    days::{self, Days},
    encoding,
    entry::{Category, Entry, Titles},
    id::ContestId,
    rounds::Rounds,
    rules::{Period, Rules},
    time::Instant,
};

/// The longest file, in bytes.
pub const MAX_LENGTH: usize = 64 << 20;

/// A contest before it opens: all that its log will begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Unique within the installation.
    pub id: ContestId,
    /// What voters read.
    pub title: String,
    /// The title in other languages.
    pub titles: Titles,
    /// A rehearsal, never certifiable.
    pub test: bool,
    /// IANA name.
    pub time_zone: String,
    /// First instant of voting.
    pub opens: Instant,
    /// First instant after voting; later than `opens`.
    pub closes: Instant,
    /// All that decides what counts and who wins.
    pub rules: Rules,
    /// The contest that the entries come from, if they do. Until it is resolved there are no entries, and perhaps no categories.
    pub rounds: Option<Rounds>,
    /// At least one, each with at least one entry.
    pub categories: Vec<Category>,
    /// At least one and at most [`MAX_ENTRIES`], those of a file of entries last.
    pub entries: Vec<Entry>,
}

/// What the command line says in place of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// In place of `contest.id`.
    pub id: Option<ContestId>,
    /// In place of `contest.test`.
    pub test: Option<bool>,
    /// In place of `contest.opens`, in the same form: `now` has been resolved before.
    pub opens: Option<String>,
    /// In place of `contest.closes`, in the same form.
    pub closes: Option<String>,
    /// In place of `details`: the columns of the file of entries that voters see beside the usual ones.
    pub details: Option<Vec<String>>,
}

/// The instant of a date and time as definitions have them.
pub(crate) fn local_instant(text: &str, zone: &TimeZone) -> Result<Instant, String> {
    window::instant(text, Some(zone))?
        .ok_or_else(|| format!("{} has no time zone", acclaim_text::quoted(text)))
}

/// Brings the content of the file named by `entries_csv`, or says in words why it cannot.
pub type FileLoader<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

impl Definition {
    /// Reads a definition in TOML. `load` is called at most once, with the name that `entries_csv` gives.
    ///
    /// # Errors
    /// Every mistake of the file and of the file of entries. After an error of TOML's syntax only that one.
    pub fn from_toml(
        text: &[u8],
        load: &mut FileLoader<'_>,
        overrides: &Overrides,
    ) -> Result<Self, Mistakes> {
        let mut reading = DefinitionReader::new(text, overrides);
        let definition = reading.decoded().and_then(|text| {
            let value = tree::parse_toml(text, &mut reading.findings)?;
            reading.definition(tree::toml_root(&value), Some(load))
        });
        reading.finish(definition)
    }

    /// Reads a definition in JSON: the structure of the TOML file, with arrays of tables as lists of objects.
    ///
    /// # Errors
    /// Every mistake of the text. After an error of JSON's syntax only that one.
    pub fn from_json(text: &[u8], overrides: &Overrides) -> Result<Self, Mistakes> {
        DefinitionReader::new(text, overrides).json()
    }

    /// Reads a definition that has been stored, as [`Definition::from_json`] does, but holds its texts to the rules they were stored by: a character that
    /// has been refused only since ([`characters`](acclaim_text::characters)) leaves a contest readable.
    ///
    /// # Errors
    /// Every mistake of the text.
    pub fn from_stored_json(text: &[u8]) -> Result<Self, Mistakes> {
        let overrides = Overrides::default();
        DefinitionReader::for_stored(text, &overrides).json()
    }

    /// Checks a definition that was stored and then changed, as a whole. Its texts are held to the rules they were stored by.
    ///
    /// # Errors
    /// Every mistake, by its key alone: the definition is in no file that anyone has.
    pub fn check_stored(&self) -> Result<(), Mistakes> {
        Self::from_stored_json(self.to_json().as_bytes()).map(|_| ()).map_err(Mistakes::without_places)
    }

    /// Checks a definition that was changed since it was read, as a whole.
    ///
    /// # Errors
    /// Every mistake, by its key alone: the definition is in no file that anyone has.
    pub fn check(&self) -> Result<(), Mistakes> {
        Self::from_json(self.to_json().as_bytes(), &Overrides::default())
            .map(|_| ())
            .map_err(Mistakes::without_places)
    }

    /// The definition as JSON that [`Definition::from_json`] reads back to the same, with keys in canonical order, defaults filled in
    /// and instants in UTC.
    #[must_use]
    pub fn to_json(&self) -> String {
        write::json(self)
    }

    /// The days of the log's first entry: from the one in which the contest opens through the one in which it closes, and
    /// [`EXTRA_DAYS`](days::EXTRA_DAYS) more. `None` unless voters vote once a day, or if the time zone is none.
    ///
    /// A later closing only makes the list longer: what was there before stays as it is.
    #[must_use]
    pub fn days(&self) -> Option<Days> {
        self.votes_by_day().then(|| days::days(&self.time_zone, self.opens, self.closes)).flatten()
    }

    /// What is wrong with the window of a contest in which voters vote once a day: in words, if it has more than
    /// [`MAX_DAYS`](days::MAX_DAYS) days.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_days(&self) -> Result<(), String> {
        if self.votes_by_day() { days::check(&self.time_zone, self.opens, self.closes) } else { Ok(()) }
    }

    fn votes_by_day(&self) -> bool {
        self.rules.ballot.period == Period::Day
    }
}

/// Why a file of entries did not come has been reported.
struct AlreadyReported;

/// One definition being read.
struct DefinitionReader<'a> {
    content: &'a [u8],
    overrides: &'a Overrides,
    /// Name of the file of entries, once it is there.
    entries_file: Option<String>,
    findings: Findings,
}

impl<'a> DefinitionReader<'a> {
    fn new(content: &'a [u8], overrides: &'a Overrides) -> Self {
        let content = acclaim_tables::strip_byte_order_mark(content);
        Self { content, overrides, entries_file: None, findings: Findings::default() }
    }

    fn for_stored(content: &'a [u8], overrides: &'a Overrides) -> Self {
        Self { findings: Findings::for_stored(), ..Self::new(content, overrides) }
    }

    /// Reads JSON.
    fn json(mut self) -> Result<Definition, Mistakes> {
        let definition = self.decoded().and_then(|text| {
            let root = tree::parse_json(text, &mut self.findings)?;
            self.definition(root, None)
        });
        self.finish(definition)
    }

    fn decoded(&mut self) -> Option<&'a str> {
        if self.content.len() > MAX_LENGTH {
            self.findings.add(Place::Nowhere, "", too_long(self.content.len()));
            return None;
        }
        match encoding::decode(self.content) {
            Ok(text) => Some(text),
            Err(error) => {
                self.findings.add(Place::Main(error.at), "", error.problem);
                None
            }
        }
    }

    /// Reads all tables, whatever mistakes are found; `None` if something that must be there is not.
    fn definition(&mut self, root: Node<'_>, load: Option<&mut FileLoader<'_>>) -> Option<Definition> {
        let node = root;
        let mut root = Table::root(node, &mut self.findings)?;
        let findings = &mut self.findings;
        let head = contest_table::read(&mut root, self.overrides, findings);
        let rounds = rounds_table::read(&mut root, findings);
        let is_unresolved = rounds.is_unresolved();
        let categories = Categories::read(&mut root, !is_unresolved, findings);
        let rules = rules_tables::rules(node, &mut root, &categories, findings);
        let (categories, entries) = if is_unresolved {
            rounds_table::refuse_entries(&mut root, findings);
            (categories.without_entries(&rules, &mut self.findings), Vec::new())
        } else {
            self.content(&mut root, load, categories, &rules)
        };
        root.finish(&mut self.findings);
        let head = head?;
        let rounds = rounds.into_rounds();
        if rounds.as_ref().is_some_and(|rounds| Some(&rounds.from) == head.id.as_ref()) {
            self.findings.add(head.place, "rounds.from", "is the contest itself");
        }
        let definition = Definition {
            id: head.id?,
            title: head.title?,
            titles: head.titles,
            test: head.test,
            time_zone: head.time_zone?,
            opens: head.opens?,
            closes: head.closes?,
            rules,
            rounds,
            categories,
            entries,
        };
        if let Err(problem) = definition.check_days() {
            let problem = format!("does not go with ballot.period: {problem}");
            self.findings.add(head.closes_place, "contest.closes", problem);
        } else if let Err(problem) = write::check_header(&definition) {
            self.findings.add(head.place, "contest", problem);
        }
        Some(definition)
    }

    /// Categories and entries, from the definition and from the file of entries.
    fn content(
        &mut self,
        root: &mut Table<'_>,
        load: Option<&mut FileLoader<'_>>,
        mut categories: Categories,
        rules: &Rules,
    ) -> (Vec<Category>, Vec<Entry>) {
        let mut entries = Entries::read(root, &mut categories, &mut self.findings);
        let details = entries_csv::details(root, self.overrides.details.as_deref(), &mut self.findings);
        let loaded = match self.load_entries(root, load) {
            Ok(Some(content)) => {
                entries_csv::read(&content, &details, &mut entries, &mut categories, &mut self.findings)
            }
            Ok(None) => {
                details.refuse(&mut self.findings);
                true
            }
            Err(AlreadyReported) => false,
        };
        // Where the file of entries did not come or was not read, that is the mistake, not the entries that are missing with it.
        if !loaded {
            return (Vec::new(), Vec::new());
        }
        let categories = categories.finish(rules, &mut self.findings);
        (categories, entries.finish(&mut self.findings))
    }

    /// Brings the file of entries if one is named.
    fn load_entries(
        &mut self,
        root: &mut Table<'_>,
        load: Option<&mut FileLoader<'_>>,
    ) -> Result<Option<Vec<u8>>, AlreadyReported> {
        let Some(field) = root.field("entries_csv") else { return Ok(None) };
        let Some(load) = load else {
            field.wrong(
                &mut self.findings,
                "names a file, which only a TOML definition can; give the entries as \"entry\"",
            );
            return Err(AlreadyReported);
        };
        let name = field.text(&mut self.findings).ok_or(AlreadyReported)?;
        match load(&name) {
            Ok(content) if content.len() > MAX_LENGTH => {
                field.wrong(&mut self.findings, too_long(content.len()));
                Err(AlreadyReported)
            }
            Ok(content) => {
                self.entries_file = Some(clipped(&name));
                Ok(Some(content))
            }
            Err(problem) => {
                field.wrong(&mut self.findings, format!("cannot be read: {problem}"));
                Err(AlreadyReported)
            }
        }
    }

    fn finish(self, definition: Option<Definition>) -> Result<Definition, Mistakes> {
        let entries_file = self.entries_file.as_deref();
        match definition {
            Some(definition) if self.findings.is_empty() => Ok(definition),
            _ => Err(self.findings.finish(self.content, entries_file)),
        }
    }
}

fn too_long(length: usize) -> String {
    format!("the file has {length} bytes; at most {MAX_LENGTH} are possible")
}
