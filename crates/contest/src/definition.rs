//! The definition of a contest, read from TOML, or from JSON of the same structure.
//!
//! The reader checks the definition and reports all mistakes at once.

mod amend;
mod contest_table;
mod contradictions;
mod entries;
mod entries_csv;
mod fields;
mod jury_tables;
mod mistakes;
mod overrides;
mod rounds_table;
mod rules_tables;
mod supported;
pub mod text;
mod tree;
mod votes;
mod warnings;
mod window;
mod write;

use jiff::tz::TimeZone;

pub use self::entries::MAX_ENTRIES;
pub use self::mistakes::{MAX_MISTAKES, Mistake, Mistakes};
pub use self::overrides::Overrides;
pub use self::warnings::Warning;
use self::{
    entries::{Categories, Entries},
    fields::Table,
    mistakes::{Findings, Place, clipped},
    tree::Node,
};
use crate::{
    days::{self, Days},
    encoding,
    entry::{Category, Entry, Titles},
    id::ContestId,
    rounds::Rounds,
    rules::{Period, Rules},
    time::Instant,
};

/// The maximum length of a file in bytes: 64 MiB.
pub const MAX_LENGTH: usize = 64 << 20;

/// A contest before it opens. Its log begins with this content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The identifier, unique within the installation.
    pub id: ContestId,
    /// The title that voters read.
    pub title: String,
    /// The title in other languages.
    pub titles: Titles,
    /// Whether the contest is a rehearsal, which can never be certified.
    pub test: bool,
    /// The IANA name of the time zone.
    pub time_zone: String,
    /// The first instant of voting.
    pub opens: Instant,
    /// The first instant after voting, later than `opens`.
    pub closes: Instant,
    /// The rules that decide which ballots count and which entries win.
    pub rules: Rules,
    /// The contest from which the entries come, if any.
    ///
    /// Until it is resolved there are no entries, and possibly no categories.
    pub rounds: Option<Rounds>,
    /// The categories: at least one, each with at least one entry.
    pub categories: Vec<Category>,
    /// The entries: at least one, at most [`MAX_ENTRIES`]. Those of the file of entries come last.
    pub entries: Vec<Entry>,
}

/// Converts a date and time, as definitions write it, to an instant.
pub(crate) fn local_instant(text: &str, zone: &TimeZone) -> Result<Instant, String> {
    window::instant(text, Some(zone))?
        .ok_or_else(|| format!("{} has no time zone", acclaim_text::quoted(text)))
}

/// Loads the content of the file that `entries_csv` names. The error is a message.
pub type FileLoader<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

impl Definition {
    /// Reads a definition in TOML.
    ///
    /// `load` is called at most once, with the name that `entries_csv` gives.
    ///
    /// # Errors
    /// [`Mistakes`]: all mistakes of the definition and of the file of entries. If the TOML syntax
    /// is wrong, only the syntax errors.
    pub fn from_toml(
        text: &[u8],
        load: &mut FileLoader<'_>,
        overrides: &Overrides,
    ) -> Result<Self, Mistakes> {
        let mut reader = DefinitionReader::new(text, overrides);
        let definition = reader.decode().and_then(|text| {
            let value = tree::parse_toml(text, &mut reader.findings)?;
            reader.read_definition(tree::toml_root(&value), Some(load))
        });
        reader.finish(definition)
    }

    /// Reads a definition in JSON: the structure of the TOML file, with arrays of tables as lists
    /// of objects.
    ///
    /// # Errors
    /// [`Mistakes`]: all mistakes of the text. If the JSON syntax is wrong, only that error.
    pub fn from_json(text: &[u8], overrides: &Overrides) -> Result<Self, Mistakes> {
        DefinitionReader::new(text, overrides).read_json()
    }

    /// Reads a stored definition like [`Definition::from_json`], with the rules for texts under
    /// which it was stored.
    ///
    /// A contest stays readable if it has a character that was refused only later
    /// ([`characters`](acclaim_text::characters)).
    ///
    /// # Errors
    /// [`Mistakes`]: all mistakes of the text.
    pub fn from_stored_json(text: &[u8]) -> Result<Self, Mistakes> {
        let overrides = Overrides::default();
        DefinitionReader::for_stored(text, &overrides).read_json()
    }

    /// Checks a stored definition as a whole after a change, with the rules for texts under which
    /// it was stored.
    ///
    /// # Errors
    /// [`Mistakes`]: all mistakes, with keys but without files and lines, because no file has this
    /// definition.
    pub fn check_stored(&self) -> Result<(), Mistakes> {
        Self::from_stored_json(self.to_json().as_bytes()).map(|_| ()).map_err(Mistakes::without_places)
    }

    /// Checks a definition as a whole after a change.
    ///
    /// # Errors
    /// [`Mistakes`]: all mistakes, with keys but without files and lines, because no file has this
    /// definition.
    pub fn check(&self) -> Result<(), Mistakes> {
        Self::from_json(self.to_json().as_bytes(), &Overrides::default())
            .map(|_| ())
            .map_err(Mistakes::without_places)
    }

    /// Returns the definition as JSON, which [`Definition::from_json`] reads back to an equal
    /// value.
    ///
    /// The keys are in canonical order, defaults are filled in, and instants are in UTC.
    #[must_use]
    pub fn to_json(&self) -> String {
        write::json(self)
    }

    /// Returns the days of the log's first entry.
    ///
    /// They reach from the day of the opening to the day of the closing, and
    /// [`EXTRA_DAYS`](days::EXTRA_DAYS) more. `None` unless voters vote once a day, or if the time
    /// zone is unknown.
    ///
    /// A later closing only makes the list longer. The earlier days stay the same.
    #[must_use]
    pub fn days(&self) -> Option<Days> {
        self.votes_by_day().then(|| days::days(&self.time_zone, self.opens, self.closes)).flatten()
    }

    /// Checks the window of a contest in which voters vote once a day.
    ///
    /// # Errors
    /// A message if the window has more than [`MAX_DAYS`](days::MAX_DAYS) days.
    pub fn check_days(&self) -> Result<(), String> {
        if self.votes_by_day() { days::check(&self.time_zone, self.opens, self.closes) } else { Ok(()) }
    }

    fn votes_by_day(&self) -> bool {
        self.rules.ballot.period == Period::Day
    }
}

/// The file of entries could not be loaded, and the mistake has been reported.
struct AlreadyReported;

/// Reads one definition.
struct DefinitionReader<'a> {
    content: &'a [u8],
    overrides: &'a Overrides,
    /// The name of the file of entries, after it has been loaded.
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
    fn read_json(mut self) -> Result<Definition, Mistakes> {
        let definition = self.decode().and_then(|text| {
            let root = tree::parse_json(text, &mut self.findings)?;
            self.read_definition(root, None)
        });
        self.finish(definition)
    }

    fn decode(&mut self) -> Option<&'a str> {
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

    /// Reads all tables, even after mistakes. `None` if a required value is missing.
    fn read_definition(&mut self, root: Node<'_>, load: Option<&mut FileLoader<'_>>) -> Option<Definition> {
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
            self.read_entries(&mut root, load, categories, &rules)
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

    /// Reads the categories and entries of the definition and of the file of entries.
    fn read_entries(
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
        // If the file of entries could not be loaded or read, only that mistake is reported, not
        // the missing entries.
        if !loaded {
            return (Vec::new(), Vec::new());
        }
        let categories = categories.finish(rules, &mut self.findings);
        (categories, entries.finish(&mut self.findings))
    }

    /// Loads the file of entries if the definition names one.
    fn load_entries(
        &mut self,
        root: &mut Table<'_>,
        load: Option<&mut FileLoader<'_>>,
    ) -> Result<Option<Vec<u8>>, AlreadyReported> {
        let Some(field) = root.field("entries_csv") else { return Ok(None) };
        let Some(load) = load else {
            field.wrong(
                &mut self.findings,
                "names a file, which only a TOML definition can do; give the entries as \"entry\"",
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
