//! The reader of a table of entries: its columns, categories by their titles, and titles from
//! another column where the title's column is empty.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use acclaim_contest::{
    Category, CategoryId, Entry, Titles,
    definition::{MAX_ENTRIES, text},
    juror,
};
use acclaim_tables::{Header, Row};
use anyhow::{Result, bail};

use super::{
    ids,
    import::{EntryRow, Import},
};
use crate::{args::entries::EntryColumns, commands::table_file::TableFile};

/// The indexes of the columns.
struct Columns {
    id: Option<usize>,
    title: usize,
    else_title: Option<usize>,
    category: Option<usize>,
    summary: Option<usize>,
    image: Option<usize>,
    url: Option<usize>,
    details: Vec<(usize, String)>,
}

/// Reads all rows. `known` are the categories of the draft.
///
/// # Errors
/// If a column that is needed or named by an option is missing, if there are too many entries, or
/// if there are none. Mistakes of rows are in [`Import::mistakes`].
pub(super) fn read(table: &TableFile, options: &EntryColumns, known: &[Category]) -> Result<Import> {
    let columns = columns(table, options, known)?;
    let mut import = Import::default();
    let one = options.category.as_deref().or_else(|| only(known).filter(|_| columns.category.is_none()));
    let mut categories = Categories::new(known);
    name_columns(table, &columns, &mut import);
    for row in table.rows() {
        let number = row.number();
        let is_text = |column| {
            column == columns.title
                || Some(column) == columns.summary
                || columns.details.iter().any(|(detail, _)| *detail == column)
        };
        if let Some(problem) = table.header.find_unnamed_cell(row) {
            import.mistakes.push((number, String::new(), problem));
        } else if table.header.is_repeated_by(row) {
            import.notes.push(format!("row {number} repeats the first row, and is ignored"));
        } else if let Some(word) = Header::total_label(row) {
            let problem = format!("{word:?} is a row of totals, and not an entry; delete it");
            import.mistakes.push((number, String::new(), problem));
        } else if let Some((column, problem)) = table.header.find_split_text(row, is_text) {
            import.mistakes.push((number, name(table, column), problem));
        } else {
            entry(table, row, &columns, one, &mut categories, &mut import);
        }
        if import.entries.len() > MAX_ENTRIES {
            bail!("the file has more than {MAX_ENTRIES} entries, and a contest cannot have more");
        }
    }
    if import.entries.is_empty() && import.mistakes.is_empty() {
        bail!("the file has no row with an entry");
    }
    Ok(import)
}

fn only(known: &[Category]) -> Option<&str> {
    match known {
        [only] => Some(only.id.as_str()),
        _ => None,
    }
}

fn columns(table: &TableFile, options: &EntryColumns, known: &[Category]) -> Result<Columns> {
    let column = |option, named: &Option<String>, name| table.column(option, named.as_deref(), name);
    let listed = table.header.list_names();
    let Some(title) = column("--title-column", &options.title_column, "title")? else {
        bail!(
            "there is no column title: name the column of the titles with --title-column. The columns are {listed}"
        );
    };
    let category = match options.category {
        Some(_) => None,
        None => column("--category-column", &options.category_column, "category")?,
    };
    if category.is_none() && options.category.is_none() && only(known).is_none() {
        bail!(
            "there is no column category: name the column of the categories with --category-column, or give one category for all entries with --category. \
             The columns are {listed}"
        );
    }
    let else_title = options.else_title_column.as_deref();
    let details =
        options.details.iter().map(|label| Ok((table.named("--details", label)?, label.trim().to_owned())));
    Ok(Columns {
        id: column("--id-column", &options.id_column, "id")?,
        title,
        else_title: else_title.map(|name| table.named("--else-title-column", name)).transpose()?,
        category,
        summary: column("--summary-column", &options.summary_column, "summary")?,
        image: column("--image-column", &options.image_column, "image")?,
        url: column("--url-column", &options.url_column, "url")?,
        details: details.collect::<Result<_>>()?,
    })
}

fn name(table: &TableFile, column: usize) -> String {
    table.header.names().get(column).cloned().unwrap_or_default()
}

/// Fills in the names of the columns that voters see, and of the columns that are not read.
fn name_columns(table: &TableFile, columns: &Columns, import: &mut Import) {
    let optional = [(columns.summary, "summary"), (columns.image, "image"), (columns.url, "url")];
    import.seen.push(format!("{} (title)", name(table, columns.title)));
    import.seen.extend(
        columns.else_title.map(|column| format!("{} (where there is no title)", name(table, column))),
    );
    let used =
        optional.into_iter().filter_map(|(column, what)| Some(format!("{} ({what})", name(table, column?))));
    import.seen.extend(used);
    import.seen.extend(columns.details.iter().map(|(_, label)| label.clone()));
    let read = [
        Some(columns.title),
        columns.id,
        columns.else_title,
        columns.category,
        columns.summary,
        columns.image,
        columns.url,
    ];
    let is_read = |column: usize| {
        read.contains(&Some(column)) || columns.details.iter().any(|(detail, _)| *detail == column)
    };
    let names = table.header.names().iter().enumerate();
    import.left_out = names
        .filter(|(column, name)| !name.is_empty() && !is_read(*column))
        .map(|(_, name)| name.clone())
        .collect();
}

/// Reads one row, and adds its entry or its mistakes to the import.
fn entry(
    table: &TableFile,
    row: Row<'_>,
    columns: &Columns,
    one: Option<&str>,
    categories: &mut Categories<'_>,
    import: &mut Import,
) {
    let number = row.number();
    let named = columns.category.map_or(one.unwrap_or_default(), |column| row.cell(column));
    let category = categories.find(named, &mut import.categories);
    let mut mistakes = Vec::new();
    let mut add_mistake = |column: String, problem: String| mistakes.push((number, column, problem));
    let title = match (row.cell(columns.title), columns.else_title) {
        ("", Some(column)) => row.cell(column),
        (title, _) => title,
    };
    if title.is_empty() {
        let problem = match columns.else_title {
            Some(column) => format!("is empty, and {} is empty too", name(table, column)),
            None => format!(
                "is empty; name a column for such titles with --else-title-column. The columns are {}",
                table.header.list_names()
            ),
        };
        add_mistake(name(table, columns.title), problem);
    } else if let Err(problem) = text::check_title(title) {
        add_mistake(name(table, columns.title), problem);
    }
    let mut optional = |column: Option<usize>, check: fn(&str) -> Result<(), String>| {
        let column = column?;
        let cell = Some(row.cell(column)).filter(|cell| !cell.is_empty())?;
        check(cell).map_err(|problem| add_mistake(name(table, column), problem)).ok()?;
        Some(cell.to_owned())
    };
    let summary = optional(columns.summary, text::check_summary);
    let image = optional(columns.image, text::check_address);
    let url = optional(columns.url, text::check_address);
    let details = columns.details.iter();
    let details: Vec<_> = details
        .filter_map(|(column, label)| Some((label.clone(), optional(Some(*column), text::check_value)?)))
        .collect();
    let own_id = columns.id.map(|column| row.cell(column)).filter(|id| !id.is_empty());
    let id = own_id.map_or_else(|| Ok(ids::placeholder_id()), str::parse);
    let id = id.map_err(|error| add_mistake("id".to_owned(), error.to_string())).ok();
    match category {
        Ok(category) => {
            let titles = Titles::new();
            if let (Some(id), false) = (id, title.is_empty()) {
                let entry =
                    Entry { id, category, title: title.to_owned(), titles, summary, image, url, details };
                import.entries.push(EntryRow { number, entry, has_own_id: own_id.is_some() });
            }
        }
        Err(problem) => {
            add_mistake(columns.category.map_or_else(String::new, |column| name(table, column)), problem);
        }
    }
    import.mistakes.extend(mistakes);
}

/// The categories that rows can name: the categories of the draft, and new ones.
struct Categories<'a> {
    /// The categories of the draft and of the file, by id and by title.
    by_name: HashMap<String, Cow<'a, Category>>,
    /// The ids of the categories that rows have named.
    named: HashSet<CategoryId>,
}

impl<'a> Categories<'a> {
    fn new(known: &'a [Category]) -> Self {
        let titles =
            known.iter().map(|category| (juror::normalize_name(&category.title), Cow::Borrowed(category)));
        let ids = known.iter().map(|category| (category.id.to_string(), Cow::Borrowed(category)));
        // An id takes precedence over a title.
        Self { by_name: titles.chain(ids).collect(), named: HashSet::new() }
    }

    /// Returns the id of the category with this id or title. Makes a new category if there is none.
    /// Adds each category to `listed` once.
    fn find(&mut self, name: &str, listed: &mut Vec<Category>) -> Result<CategoryId, String> {
        if name.is_empty() {
            return Err("is empty; to put all entries into one category, use --category".to_owned());
        }
        let found = self.by_name.get(name).or_else(|| self.by_name.get(&juror::normalize_name(name)));
        let category = match found {
            Some(category) => category.clone(),
            None => self.add(name)?,
        };
        if self.named.insert(category.id.clone()) {
            listed.push(category.clone().into_owned());
        }
        Ok(category.id.clone())
    }

    fn add(&mut self, title: &str) -> Result<Cow<'a, Category>, String> {
        text::check_title(title)?;
        let id = ids::id_from_title(title, title, |id| self.by_name.contains_key(id));
        let category = Category {
            id: id.parse().map_err(|_| "has no letters or digits from which an id can be made".to_owned())?,
            title: title.to_owned(),
            titles: Titles::new(),
            votes: None,
            champions: None,
            winners: None,
        };
        let category: Cow<'a, Category> = Cow::Owned(category);
        self.by_name.insert(id, category.clone());
        self.by_name.insert(juror::normalize_name(title), category.clone());
        Ok(category)
    }
}
