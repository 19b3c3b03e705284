//! Nested values taken apart into flat columns, each value with how deep it is there and where its list goes on
//! (definition and repetition levels, as Dremel has them: <https://research.google/pubs/pub36632/>).

use std::io::Write;

use parquet::{
    basic::{Repetition, Type as Physical},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::writer::SerializedRowGroupWriter,
    schema::types::Type,
};
use serde_json::Value;

use crate::{LakeError, schema::element};

/// A value of a column.
pub(crate) enum Cell {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Text(ByteArray),
}

impl Cell {
    /// The value as a column of that type has it; none if it is of another.
    pub(crate) fn of(kind: Physical, value: &Value) -> Option<Self> {
        match kind {
            Physical::BOOLEAN => value.as_bool().map(Self::Bool),
            Physical::INT32 => i32::try_from(value.as_i64()?).ok().map(Self::Int32),
            Physical::INT64 => value.as_i64().map(Self::Int64),
            Physical::BYTE_ARRAY => value.as_str().map(|it| Self::Text(it.into())),
            _ => None,
        }
    }
}

/// The values of a column that are there.
enum Cells {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Text(Vec<ByteArray>),
}

impl Cells {
    fn push(&mut self, cell: Cell) {
        match (self, cell) {
            (Self::Bool(cells), Cell::Bool(cell)) => cells.push(cell),
            (Self::Int32(cells), Cell::Int32(cell)) => cells.push(cell),
            (Self::Int64(cells), Cell::Int64(cell)) => cells.push(cell),
            (Self::Text(cells), Cell::Text(cell)) => cells.push(cell),
            // Both are made from the same type.
            _ => {}
        }
    }
}

/// One leaf of the schema, over all rows.
struct Column {
    kind: Physical,
    cells: Cells,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

/// How deep a value is.
#[derive(Clone, Copy, Default)]
struct Level {
    /// So many of what may be missing above it are there.
    definition: i16,
    /// In so many lists it goes on; 0 begins a row.
    repetition: i16,
    /// So many lists it is in.
    lists: i16,
}

impl Level {
    /// One more of what may be missing is there.
    fn defined(self) -> Self {
        Self {
            definition: self.definition + 1,
            ..self
        }
    }
}

/// All columns, in the order of the schema's leaves.
pub(crate) struct Columns(Vec<Column>);

impl Columns {
    pub(crate) fn of(schema: &Type) -> Self {
        let mut columns = Vec::new();
        for field in schema.get_fields() {
            leaves(field, &mut columns);
        }
        Self(columns)
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, schema: &Type, row: &Value) -> Result<(), LakeError> {
        let mut columns = self.0.iter_mut();
        group(schema, Some(row), Level::default(), &mut columns)
    }

    /// Writes them, and ends the row group.
    pub(crate) fn write<W: Write + Send>(
        self,
        mut rows: SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let mut columns = self.0.into_iter();
        while let Some(mut writer) = rows.next_column()? {
            let column = columns.next();
            let column = column.ok_or_else(|| ParquetError::General("a column more".into()))?;
            let (depths, lists) = (Some(&*column.definitions), Some(&*column.repetitions));
            match (&column.cells, writer.untyped()) {
                (Cells::Bool(cells), ColumnWriter::BoolColumnWriter(to)) => {
                    to.write_batch(cells, depths, lists)?
                }
                (Cells::Int32(cells), ColumnWriter::Int32ColumnWriter(to)) => {
                    to.write_batch(cells, depths, lists)?
                }
                (Cells::Int64(cells), ColumnWriter::Int64ColumnWriter(to)) => {
                    to.write_batch(cells, depths, lists)?
                }
                (Cells::Text(cells), ColumnWriter::ByteArrayColumnWriter(to)) => {
                    to.write_batch(cells, depths, lists)?
                }
                _ => return Err(ParquetError::General("a column of another type".into())),
            };
            writer.close()?;
        }
        rows.close().map(drop)
    }
}

/// Columns in the order in which they are walked.
type Walk<'c> = std::slice::IterMut<'c, Column>;

fn leaves(node: &Type, columns: &mut Vec<Column>) {
    if node.is_group() {
        for field in node.get_fields() {
            leaves(field, columns);
        }
        return;
    }
    let kind = node.get_physical_type();
    columns.push(Column {
        kind,
        cells: match kind {
            Physical::BOOLEAN => Cells::Bool(Vec::new()),
            Physical::INT32 => Cells::Int32(Vec::new()),
            Physical::INT64 => Cells::Int64(Vec::new()),
            _ => Cells::Text(Vec::new()),
        },
        definitions: Vec::new(),
        repetitions: Vec::new(),
    });
}

/// Takes the members of a group apart; of one that is not there every leaf is missing.
fn group(
    node: &Type,
    value: Option<&Value>,
    at: Level,
    columns: &mut Walk<'_>,
) -> Result<(), LakeError> {
    for field in node.get_fields() {
        let value = value.and_then(|it| it.get(field.name()));
        member(field, value.filter(|it| !it.is_null()), at, columns)?;
    }
    Ok(())
}

/// Takes one member apart.
fn member(
    node: &Type,
    value: Option<&Value>,
    at: Level,
    columns: &mut Walk<'_>,
) -> Result<(), LakeError> {
    let is_required = node.get_basic_info().repetition() == Repetition::REQUIRED;
    if node.is_primitive() {
        return leaf(node, value, is_required, at, columns);
    }
    if let Some(item) = element(node) {
        return list(item, value.and_then(Value::as_array), at, columns);
    }
    if let Some(value) = value.filter(|it| it.is_object()) {
        return group(node, Some(value), at.defined(), columns);
    }
    absent(node, at, columns);
    Ok(())
}

/// A list that may be missing, of elements that may be.
fn list(
    item: &Type,
    values: Option<&Vec<Value>>,
    at: Level,
    columns: &mut Walk<'_>,
) -> Result<(), LakeError> {
    let Some(values) = values else {
        absent(item, at, columns);
        return Ok(());
    };
    let inside = at.defined();
    let Some((first, rest)) = values.split_first() else {
        absent(item, inside, columns);
        return Ok(());
    };
    let lists = at.lists + 1;
    let begins = Level {
        lists,
        ..inside.defined()
    };
    let goes_on = Level {
        repetition: lists,
        ..begins
    };
    // Each element walks the same columns anew.
    let mut all = std::mem::take(columns).into_slice();
    let many = width(item);
    for (value, level) in
        std::iter::once((first, begins)).chain(rest.iter().map(|it| (it, goes_on)))
    {
        let mut walk = all.get_mut(..many).unwrap_or_default().iter_mut();
        member(
            item,
            Some(value).filter(|it| !it.is_null()),
            level,
            &mut walk,
        )?;
    }
    all = all.get_mut(many..).unwrap_or_default();
    *columns = all.iter_mut();
    Ok(())
}

fn leaf(
    node: &Type,
    value: Option<&Value>,
    is_required: bool,
    at: Level,
    columns: &mut Walk<'_>,
) -> Result<(), LakeError> {
    let Some(column) = columns.next() else {
        return Ok(());
    };
    let cell = value.and_then(|it| Cell::of(column.kind, it));
    if is_required && cell.is_none() {
        return Err(LakeError::Incomplete(node.name().to_owned()));
    }
    let is_there = cell.is_some() && !is_required;
    column.repetitions.push(at.repetition);
    column.definitions.push(at.definition + i16::from(is_there));
    if let Some(cell) = cell {
        column.cells.push(cell);
    }
    Ok(())
}

/// Nothing of it is there.
fn absent(node: &Type, at: Level, columns: &mut Walk<'_>) {
    for column in columns.take(width(node)) {
        column.repetitions.push(at.repetition);
        column.definitions.push(at.definition);
    }
}

/// How many leaves there are in it.
fn width(node: &Type) -> usize {
    if node.is_primitive() {
        return 1;
    }
    node.get_fields().iter().map(|it| width(it)).sum()
}
