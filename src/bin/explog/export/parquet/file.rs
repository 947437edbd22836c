//! The file itself: one required or optional column after the other, row group by row group.

use std::io::Write;
use std::sync::Arc;

use experience_log::LogReader;
use experience_log::inspect::Row;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::super::{Target, each_row, tell};
use crate::Verdict;
use crate::args::Export;
use crate::failure::Failure;

/// Rows of a row group, unless their payloads fill it before.
const GROUP_ROWS: usize = 65_536;
/// Bytes of payloads that end a row group.
const GROUP_BYTES: usize = 128 << 20;

pub(super) fn export(
    log: &LogReader,
    arguments: &Export,
    target: Target<'_>,
) -> Result<Verdict, Failure> {
    let schema = schema().map_err(failure)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut file =
        SerializedFileWriter::new(target.open()?, schema, Arc::new(properties)).map_err(failure)?;
    let mut group = Vec::new();
    let mut bytes = 0;
    let events = each_row(log, arguments, |row| {
        bytes += row.payload.as_ref().map_or(0, String::len);
        group.push(row);
        if group.len() >= GROUP_ROWS || bytes >= GROUP_BYTES {
            write_group(&mut file, &group).map_err(failure)?;
            group.clear();
            bytes = 0;
        }
        Ok(())
    })?;
    if !group.is_empty() {
        write_group(&mut file, &group).map_err(failure)?;
    }
    file.into_inner().map_err(failure)?.finish()?;
    tell(events, arguments);
    Ok(Verdict::Fine)
}

fn failure(error: ParquetError) -> Failure {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => Failure::output(*error),
            Err(other) => Failure::Trouble(format!("cannot write parquet: {other}")),
        },
        other => Failure::Trouble(format!("cannot write parquet: {other}")),
    }
}

/// What a column holds, and how it is read from a row.
enum Column {
    Number(fn(&Row) -> Option<u64>),
    Flag(fn(&Row) -> Option<bool>),
    Text(fn(&Row) -> Option<&str>),
}

/// Every column, in the order of [`Row::COLUMNS`].
const COLUMNS: [Column; Row::COLUMNS.len()] = [
    Column::Number(|row| Some(row.sequence)),
    Column::Text(|row| Some(&row.event_id)),
    Column::Text(|row| Some(&row.occurred_at)),
    Column::Text(|row| Some(&row.instant)),
    Column::Text(|row| Some(&row.recorded_at)),
    Column::Text(|row| row.tenant_id.as_deref()),
    Column::Text(|row| row.correlation_id.as_deref()),
    Column::Text(|row| row.contract.as_deref()),
    Column::Text(|row| Some(&row.kind)),
    Column::Text(|row| row.chain_id.as_deref()),
    Column::Text(|row| row.step),
    Column::Text(|row| row.proposal_id.as_deref()),
    Column::Text(|row| row.trace_link_id.as_deref()),
    Column::Text(|row| row.artifact_id.as_deref()),
    Column::Flag(|row| row.passed),
    Column::Number(|row| row.latency_ms),
    Column::Number(|row| row.tokens),
    Column::Number(|row| row.cost_microdollars),
    Column::Text(|row| row.backend.as_deref()),
    Column::Text(|row| row.payload.as_deref()),
];

fn schema() -> Result<TypePtr, ParquetError> {
    let mut fields = Vec::with_capacity(COLUMNS.len());
    for (name, column) in Row::COLUMNS.into_iter().zip(&COLUMNS) {
        let (physical, logical) = match column {
            Column::Number(_) => (Physical::INT64, Some(LogicalType::integer(64, false))),
            Column::Flag(_) => (Physical::BOOLEAN, None),
            Column::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()?;
        fields.push(Arc::new(field));
    }
    let schema = Type::group_type_builder("event")
        .with_fields(fields)
        .build()?;
    Ok(Arc::new(schema))
}

fn write_group<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    rows: &[Row],
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for column in &COLUMNS {
        match column {
            Column::Number(of) => write::<Int64Type, _, _>(&mut group, rows, |row| {
                // The column is of unsigned numbers, which take the same eight bytes.
                of(row).map(u64::cast_signed)
            }),
            Column::Flag(of) => write::<BoolType, _, _>(&mut group, rows, of),
            Column::Text(of) => {
                write::<ByteArrayType, _, _>(&mut group, rows, |row| of(row).map(ByteArray::from))
            }
        }?;
    }
    group.close()?;
    Ok(())
}

/// Writes one column: its values, and where there are none.
fn write<T: DataType, W: Write + Send, F: Fn(&Row) -> Option<T::T>>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[Row],
    of: F,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("a column too few".to_owned()));
    };
    let mut values = Vec::with_capacity(rows.len());
    let mut present = Vec::with_capacity(rows.len());
    for row in rows {
        let value = of(row);
        present.push(i16::from(value.is_some()));
        values.extend(value);
    }
    column
        .typed::<T>()
        .write_batch(&values, Some(&present), None)?;
    column.close()
}
