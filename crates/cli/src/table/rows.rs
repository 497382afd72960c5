//! Tables: CSV or JSON lines, a column an input, a row a picture; and folders whose pictures are a column.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use serde_json::Value as Json;
use wuerst::core::regular;

/// Maximum size of a table's file, in bytes.
const LONGEST: u64 = 256 << 20;
/// Maximum number of rows.
const ROWS: usize = 1_000_000;
/// Maximum number of columns.
const COLUMNS: usize = 1000;
/// Ends of names of pictures, in a folder of pictures.
const PICTURES: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Path(PathBuf),
}

/// A row: its place in the file, and values by column. A column without a value keeps the value of all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// Line of the file, counted from 1; 0 if there is no file.
    pub(crate) line: u64,
    pub(crate) cells: BTreeMap<String, Cell>,
}

/// All rows of a table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The file, for messages; none if all columns are folders.
    pub(crate) file: Option<PathBuf>,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// Reads a .csv file, whose first row names the columns, or a .jsonl file, with an object a line.
    ///
    /// # Errors
    /// The file cannot be read, or is malformed; the message names the line.
    pub(crate) fn read(path: &Path) -> Result<Table> {
        let shown = path.display();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
        let parse = match end.as_str() {
            "csv" => of_csv,
            "jsonl" | "ndjson" => of_json_lines,
            _ => bail!("{shown}: tables are .csv files, or .jsonl files with an object a line"),
        };
        let bytes = regular::read(path, LONGEST).map_err(|e| anyhow!("{shown} cannot be read: {e}"))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            anyhow!("{shown}:{line}: is not UTF-8; save the table as UTF-8")
        })?;
        // Spreadsheets begin files with a byte order mark.
        let mut table = parse(text.strip_prefix('\u{feff}').unwrap_or(text))
            .map_err(|(line, message)| anyhow!("{shown}:{line}: {message}"))?;
        if table.rows.is_empty() {
            bail!("{shown} has no rows: write a row for each picture");
        }
        table.file = Some(path.to_owned());
        Ok(table)
    }

    /// Adds a column with the pictures of a folder in the order of their names, one a row.
    ///
    /// # Errors
    /// The folder cannot be read, holds no pictures, or not as many as there are rows.
    pub(crate) fn add_folder(&mut self, column: &str, folder: &Path) -> Result<()> {
        let shown = folder.display();
        let failed = |error: std::io::Error| anyhow!("the folder {shown} cannot be read: {error}");
        let mut pictures = vec![];
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let end = path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
            if end.is_some_and(|end| PICTURES.contains(&end.as_str())) && path.is_file() {
                pictures.push(path);
            }
            if pictures.len() > ROWS {
                bail!("{shown} holds more than {ROWS} pictures: split the folder");
            }
        }
        if pictures.is_empty() {
            bail!("{shown} holds no pictures (.{}): name a folder of pictures", PICTURES.join(", ."));
        }
        if self.rows.is_empty() {
            self.rows = vec![Row::default(); pictures.len()];
        }
        let (rows, count) = (self.rows.len(), pictures.len());
        if rows != count {
            bail!("{shown} holds {count} pictures, and there are {rows} rows: give one picture a row");
        }
        if self.columns.iter().any(|other| other == column) {
            bail!("column `{column}` is there twice: give each column once");
        }
        self.columns.push(column.to_owned());
        pictures.sort();
        for (row, picture) in self.rows.iter_mut().zip(pictures) {
            row.cells.insert(column.to_owned(), Cell::Path(picture));
        }
        Ok(())
    }
}

/// A line, and what is wrong with it.
type Mistake = (u64, String);

fn of_csv(text: &str) -> Result<Table, Mistake> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let failed = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
                "has {len} values, and there are {expected_len} columns; a text with commas stands in quotation marks"
            ),
            _ => error.to_string(),
        };
        (line, message)
    };
    let columns: Vec<String> =
        reader.headers().map_err(failed)?.iter().map(|name| name.trim().to_owned()).collect();
    named(&columns).map_err(|message| (1, message))?;
    let mut rows = vec![];
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let line = record.position().map_or(0, csv::Position::line);
        let filled = columns.iter().zip(&record).filter(|(_, text)| !text.is_empty());
        let cells = filled.map(|(name, text)| (name.clone(), Cell::Text(text.to_owned()))).collect();
        rows.push(Row { line, cells });
        few(rows.len()).map_err(|message| (line, message))?;
    }
    Ok(Table { file: None, columns, rows })
}

fn of_json_lines(text: &str) -> Result<Table, Mistake> {
    let (mut columns, mut rows) = (Vec::<String>::new(), vec![]);
    for (line, text) in (1..).zip(text.lines()) {
        let failed = |message: String| (line, message);
        let example = "write an object a line, as {\"prompt\": \"a red apple\"}";
        let json = serde_json::from_str(text);
        let json =
            json.map_err(|error: serde_json::Error| failed(format!("is not JSON ({error}); {example}")))?;
        let Json::Object(object) = json else { return Err(failed(format!("is no object; {example}"))) };
        let mut cells = BTreeMap::new();
        for (name, value) in object {
            let text = match value {
                Json::Null => None,
                Json::String(text) => Some(text),
                Json::Number(number) => Some(number.to_string()),
                Json::Bool(truth) => Some(truth.to_string()),
                Json::Array(_) | Json::Object(_) => {
                    return Err(failed(format!("`{name}` is a list or an object; give a text or a number")));
                }
            };
            if !columns.contains(&name) {
                columns.push(name.clone());
                named(&columns).map_err(failed)?;
            }
            cells.extend(text.map(|text| (name, Cell::Text(text))));
        }
        rows.push(Row { line, cells });
        few(rows.len()).map_err(failed)?;
    }
    Ok(Table { file: None, columns, rows })
}

fn few(rows: usize) -> Result<(), String> {
    if rows > ROWS { Err(format!("is row {rows}, and {ROWS} are the most; split the table")) } else { Ok(()) }
}

/// Checks names of columns.
fn named(columns: &[String]) -> Result<(), String> {
    if columns.len() > COLUMNS {
        return Err(format!("names {} columns, and {COLUMNS} are the most", columns.len()));
    }
    for (index, name) in columns.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("column {} has no name; name an input of the graph", index + 1));
        }
        if name.contains('.') {
            return Err(format!(
                "`{name}` is an argument of a node; columns are inputs, and --set changes arguments"
            ));
        }
        if columns[..index].contains(name) {
            return Err(format!("column `{name}` is there twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: impl AsRef<[u8]>) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let shown = format!("{}", path.display());
        Table::read(&path).map_err(|error| error.to_string().replace(&shown, "F"))
    }

    fn cells(table: &Table, row: usize) -> Vec<(&str, &str)> {
        fn text(cell: &Cell) -> &str {
            match cell {
                Cell::Text(text) => text,
                Cell::Path(_) => "path",
            }
        }
        table.rows[row].cells.iter().map(|(name, cell)| (name.as_str(), text(cell))).collect()
    }

    #[test]
    fn csv_has_quotes_and_empty_values() {
        let table = read("a.csv", "\u{feff}prompt, seed\n\"a red, \"\"ripe\"\"\napple\",7\nb,\n").unwrap();
        assert_eq!(table.columns, ["prompt", "seed"]);
        assert_eq!(cells(&table, 0), [("prompt", "a red, \"ripe\"\napple"), ("seed", "7")]);
        assert_eq!((cells(&table, 1), table.rows[1].line), (vec![("prompt", "b")], 4));
    }

    #[test]
    fn json_lines_keep_numbers() {
        let lines =
            "{\"prompt\": \"a\", \"seed\": 18446744073709551615}\n{\"guidance\": 1.5, \"seed\": null}\n";
        let table = read("a.JSONL", lines).unwrap();
        assert_eq!(cells(&table, 0), [("prompt", "a"), ("seed", "18446744073709551615")]);
        assert_eq!(cells(&table, 1), [("guidance", "1.5")]);
        assert_eq!(table.columns, ["prompt", "seed", "guidance"]);
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let said = |name: &str, text: &str| read(name, text).unwrap_err();
        assert!(said("a.csv", "prompt,seed\na,1\nb\n").starts_with("F:3: has 1 values, and there are 2"));
        assert!(said("a.csv", "prompt,prompt\na,1\n").starts_with("F:1: column `prompt` is there twice"));
        assert!(said("a.csv", "prompt,\na,1\n").starts_with("F:1: column 2 has no name"));
        assert!(said("a.csv", "prior.steps\n1\n").contains("--set changes arguments"));
        assert!(said("a.csv", "prompt\n").contains("F has no rows"));
        assert!(said("a.jsonl", "{}\n[1]\n").starts_with("F:2: is no object"));
        assert!(said("a.jsonl", "{\"a\": 1}\n\n").starts_with("F:2: is not JSON"));
        assert!(said("a.jsonl", "{\"a\": [1]}\n").starts_with("F:1: `a` is a list"));
        assert!(said("a.txt", "a").contains(".csv files"));
        assert!(read("a.csv", b"prompt\na\n\xff\n").unwrap_err().starts_with("F:3: is not UTF-8"));
    }

    #[test]
    fn folders_are_columns_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.PNG", "a.jpg", "c.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut table = Table::default();
        table.add_folder("image", folder.path()).unwrap();
        let path = |name: &str| Cell::Path(folder.path().join(name));
        assert_eq!(
            table.rows.iter().map(|row| row.cells["image"].clone()).collect::<Vec<_>>(),
            [path("a.jpg"), path("b.PNG")]
        );
        assert!(table.add_folder("image", folder.path()).unwrap_err().to_string().contains("twice"));
        table.rows.pop();
        assert!(
            table
                .add_folder("mask", folder.path())
                .unwrap_err()
                .to_string()
                .contains("2 pictures, and there are 1")
        );
    }
}
