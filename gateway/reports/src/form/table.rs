//! Documents as CSV (RFC 4180): what it is about, then table by table, with a blank line between. Each
//! figure is followed by the number, the digest and the first of its records.

use crate::{Document, Figure, document::Cell};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The columns behind a figure.
const EVIDENCE: [&str; 3] = ["records", "digest of records", "first records"];

pub(super) fn csv(document: &Document) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    writer.write_record([document.title])?;
    for (name, value) in document.particulars() {
        writer.write_record([name, &inert(&value)])?;
    }
    for note in &document.notes {
        writer.write_record(["note", note])?;
    }
    for table in &document.tables {
        writer.write_record([""])?;
        writer.write_record([table.title, table.note])?;
        let is_figure = |at: usize| {
            let mut cells = table.rows.iter().filter_map(|row| row.get(at));
            cells.any(|cell| matches!(cell, Cell::Figure(_)))
        };
        let figures: Vec<bool> = (0..table.columns.len()).map(is_figure).collect();
        let mut header = Vec::new();
        for (name, figures) in table.columns.iter().zip(&figures) {
            header.push((*name).to_owned());
            if *figures {
                header.extend(EVIDENCE.map(|of| format!("{name}: {of}")));
            }
        }
        writer.write_record(&header)?;
        for row in &table.rows {
            let cells = row.iter().zip(&figures);
            let fields: Vec<String> = cells
                .flat_map(|(cell, figures)| fields(cell, *figures))
                .collect();
            writer.write_record(&fields)?;
        }
        if table.omitted > 0 {
            writer.write_record(["omitted", &table.omitted.to_string()])?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

fn fields(cell: &Cell, figures: bool) -> Vec<String> {
    let mut fields = match cell {
        Cell::Figure(figure) => {
            let Figure { evidence, .. } = figure;
            let first = evidence.listed.iter().map(|it| it.record.to_string());
            vec![
                figure.to_string(),
                evidence.records.to_string(),
                evidence.digest.clone(),
                first.collect::<Vec<_>>().join(" "),
            ]
        }
        _ => vec![inert(&cell.text())],
    };
    if figures {
        fields.resize(1 + EVIDENCE.len(), String::new());
    }
    fields
}

/// `text` so that no spreadsheet computes it: names in it may come from whoever calls (CWE-1236).
fn inert(text: &str) -> String {
    if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_begins_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(inert(text), format!("'{text}"));
        }
        assert_eq!(inert("customer=C-771"), "customer=C-771");
        let cell = Cell::Words(vec!["=HYPERLINK(\"x\")".into(), "b".into()]);
        assert_eq!(fields(&cell, false), ["'=HYPERLINK(\"x\"), b"]);
    }
}
