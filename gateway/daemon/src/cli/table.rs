//! Tables for people.

use comfy_table::{ContentArrangement, Table, TableStyle};

/// Prints rows under a header.
pub(crate) fn print(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows);
    for line in table.lines() {
        println!("{}", line.trim_end());
    }
}
