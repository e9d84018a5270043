//! Unpacks the parts of a workbook within limits, and checks them before calamine reads them.
//!
//! calamine then reads a workbook that has only these parts. It waits forever for the end of an
//! element that has no end. It reserves memory for as many texts as a part claims, and repeats
//! cells as often as a part requests. So each part must be complete XML, and its claims must be in
//! proportion to its content.

use std::io::{Cursor, Read as _, Write as _};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::table::MAX_TEXT;

/// The maximum number of cells of all sheets of a workbook, including gaps between cells.
pub(super) const MAX_CELLS: usize = 2_000_000;
/// The maximum number of columns of a sheet.
const MAX_COLUMNS: usize = 16_384;
/// How to save a workbook that cannot be read.
pub(super) const SAVE_ADVICE: &str = "save it as .xlsx, .ods or \"CSV UTF-8\"";
/// The maximum size of all unpacked parts, in bytes.
const MAX_UNPACKED: usize = 128 << 20;
/// The maximum number of parts of a workbook.
const MAX_PARTS: usize = 10_000;
/// The maximum nesting depth of elements in a part.
const MAX_DEPTH: usize = 256;

/// The kind of a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Xlsx,
    Ods,
}

/// Returns the kind of a workbook, and a workbook of only the parts that calamine reads,
/// uncompressed.
///
/// # Errors
/// A message that the workbook is damaged, too large, not supported, or not a workbook.
pub(super) fn unpack(content: &[u8]) -> Result<(Kind, Vec<u8>), String> {
    let damaged = |error: &dyn std::fmt::Display| format!("the file is a damaged workbook ({error})");
    let mut archive = ZipArchive::new(Cursor::new(content)).map_err(|error| damaged(&error))?;
    if archive.len() > MAX_PARTS {
        return Err(format!("the workbook has {} parts; at most {MAX_PARTS} are possible", archive.len()));
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let (mut unpacked, mut kind) = (0, None);
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|error| damaged(&error))?;
        let name = part.name().map_err(|error| damaged(&error))?.into_owned();
        let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
        match &*name {
            "xl/workbook.xml" => kind = Some(Kind::Xlsx),
            "content.xml" => kind = Some(Kind::Ods),
            "xl/workbook.bin" => return Err(format!("the file is a binary workbook (.xlsb); {SAVE_ADVICE}")),
            _ => {}
        }
        if !is_xml && name != "mimetype" {
            continue;
        }
        let mut text = Vec::new();
        let remaining = MAX_UNPACKED - unpacked;
        part.by_ref().take(remaining as u64 + 1).read_to_end(&mut text).map_err(|error| damaged(&error))?;
        if text.len() > remaining {
            return Err(format!(
                "the workbook has more than {} MiB when unpacked; split it into several",
                MAX_UNPACKED >> 20
            ));
        }
        unpacked += text.len();
        if is_xml {
            check(&name, &text).map_err(|problem| format!("the workbook's part {name:?} {problem}"))?;
        }
        writer.start_file(name, options).map_err(|error| damaged(&error))?;
        writer.write_all(&text).map_err(|error| damaged(&error))?;
    }
    let kind = kind.ok_or_else(|| format!("the file is a ZIP archive, but not a workbook; {SAVE_ADVICE}"))?;
    let written = writer.finish().map_err(|error| damaged(&error))?;
    Ok((kind, written.into_inner()))
}

/// Checks that a part is complete XML, and that its claims are in proportion to its content.
fn check(name: &str, content: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut sheets = (name == "content.xml").then(Sheets::default);
    let (mut depth, mut texts, mut claimed) = (0_usize, 0_usize, 0_usize);
    loop {
        let event = reader.read_event().map_err(|error| format!("is damaged ({error})"))?;
        match &event {
            Event::Start(_) if depth == MAX_DEPTH => return Err("is nested too deeply".to_owned()),
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::DocType(_) => return Err("has a document type, which no workbook has".to_owned()),
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose().map_err(|error| error.to_string())?;
                if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("utf-8")) {
                    return Err("is not UTF-8".to_owned());
                }
            }
            Event::Eof if depth > 0 => return Err("ends too early".to_owned()),
            // calamine reserves memory for the number of texts that is claimed. Some programs count
            // wrong, but not by this much.
            Event::Eof if claimed > texts.saturating_mul(4) + 10_000 => {
                return Err("claims more texts than it has".to_owned());
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        if let Event::Start(element) | Event::Empty(element) = &event {
            match element.local_name().as_ref() {
                "sst" => claimed = number(element, "uniqueCount")?.unwrap_or(0),
                "si" => texts += 1,
                _ => {}
            }
        }
        if let Some(sheets) = &mut sheets {
            sheets.event(&event)?;
        }
    }
}

/// Returns the value of an attribute that is a number.
fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<usize>, String> {
    let mut parsed = None;
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| format!("is damaged ({error})"))?;
        if attribute.key.as_ref() == name {
            let value = attribute
                .value
                .parse()
                .map_err(|_| format!("has an attribute {name} that is not a number"))?;
            parsed = Some(value);
        }
    }
    Ok(parsed)
}

/// The size of the sheets of an `.ods` after calamine expands repeated cells and rows.
#[derive(Default)]
struct Sheets {
    /// Cells of all sheets so far.
    cells: usize,
    /// Bytes of text of all cells so far.
    text: usize,
    /// Rows of the current sheet up to the last one with content, and the blank rows after it.
    rows: usize,
    blank_rows: usize,
    /// The maximum number of cells in a row of the current sheet.
    width: usize,
    row: RowSize,
    cell: CellSize,
}

/// The expanded size of the current row.
#[derive(Default)]
struct RowSize {
    repeats: usize,
    columns: usize,
    blank_columns: usize,
    text: usize,
    has_content: bool,
}

/// The expanded size of the current cell.
#[derive(Default)]
struct CellSize {
    is_open: bool,
    repeats: usize,
    text: usize,
    has_content: bool,
}

impl Sheets {
    fn event(&mut self, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(element) => self.open(element)?,
            Event::Empty(element) => {
                self.open(element)?;
                self.close(element.name().as_ref())?;
            }
            Event::End(element) => self.close(element.name().as_ref())?,
            Event::Text(text) if self.cell.is_open => self.add_text(text.len())?,
            Event::CData(text) if self.cell.is_open => self.add_text(text.len())?,
            Event::GeneralRef(_) if self.cell.is_open => self.add_text(4)?,
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        match element.name().as_ref() {
            "table:table-row" => {
                let repeats = number(element, "table:number-rows-repeated")?.unwrap_or(1);
                self.row = RowSize { repeats, ..RowSize::default() };
            }
            "table:table-cell" | "table:covered-table-cell" => {
                let repeats = number(element, "table:number-columns-repeated")?.unwrap_or(1);
                self.cell = CellSize { is_open: true, repeats, ..CellSize::default() };
                for attribute in element.attributes() {
                    let attribute = attribute.map_err(|error| format!("is damaged ({error})"))?;
                    match attribute.key.as_ref() {
                        // The texts of values and formulas are in attributes.
                        "office:string-value"
                        | "office:date-value"
                        | "office:time-value"
                        | "table:formula" => {
                            self.add_text(attribute.value.len())?;
                        }
                        key if key.starts_with("office:") => self.cell.has_content = true,
                        _ => {}
                    }
                }
            }
            "text:s" if self.cell.is_open => self.add_text(number(element, "text:c")?.unwrap_or(1))?,
            _ => {}
        }
        Ok(())
    }

    fn add_text(&mut self, length: usize) -> Result<(), String> {
        self.cell.has_content = true;
        self.cell.text = self.cell.text.saturating_add(length);
        check_limit(self.cell.text, MAX_TEXT, "bytes of text")
    }

    fn close(&mut self, name: &str) -> Result<(), String> {
        match name {
            "table:table-cell" | "table:covered-table-cell" => self.close_cell(),
            "table:table-row" => self.close_row(),
            "table:table" => {
                let cells = self.rows.saturating_mul(self.width);
                self.cells = self.cells.saturating_add(cells);
                (self.rows, self.blank_rows, self.width) = (0, 0, 0);
                check_limit(self.cells, MAX_CELLS, "cells")
            }
            _ => Ok(()),
        }
    }

    fn close_cell(&mut self) -> Result<(), String> {
        let cell = std::mem::take(&mut self.cell);
        let row = &mut self.row;
        // calamine expands blank cells if another cell follows, so they count now.
        row.columns = row.columns.saturating_add(std::mem::take(&mut row.blank_columns));
        if cell.has_content {
            row.columns = row.columns.saturating_add(cell.repeats);
            row.text = row.text.saturating_add(cell.text.saturating_mul(cell.repeats));
            row.has_content = true;
        } else {
            row.blank_columns = cell.repeats.min(MAX_COLUMNS);
        }
        check_limit(row.columns, MAX_COLUMNS, "columns")?;
        check_limit(row.text, MAX_TEXT, "bytes of text")
    }

    fn close_row(&mut self) -> Result<(), String> {
        let row = std::mem::take(&mut self.row);
        // calamine expands the cells of a row before it handles the repeats of the row.
        self.cells = self.cells.saturating_add(row.columns);
        if row.has_content {
            let blank = std::mem::take(&mut self.blank_rows);
            self.rows = self.rows.saturating_add(blank).saturating_add(row.repeats);
            self.width = self.width.max(row.columns);
            self.text = self.text.saturating_add(row.text.saturating_mul(row.repeats));
        } else {
            self.blank_rows = self.blank_rows.saturating_add(row.repeats);
        }
        check_limit(self.text, MAX_TEXT, "bytes of text")?;
        check_limit(self.cells.saturating_add(self.rows.saturating_mul(self.width)), MAX_CELLS * 2, "cells")
    }
}

fn check_limit(count: usize, max: usize, what: &str) -> Result<(), String> {
    if count <= max {
        return Ok(());
    }
    Err(format!(
        "expands to more than {max} {what}; delete the repeated cells, or save the sheet as \"CSV UTF-8\""
    ))
}
