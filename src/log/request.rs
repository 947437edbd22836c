//! A query of the contract, checked and turned into what the store asks for.

use super::entry_query::EntryQuery;
use super::scan::ScanOptions;
use super::{kind_code, time};
use crate::contract::experience_store::{EventQuery, TimeRange};
use crate::error::{Error, Result};
use crate::store::instant::Instant;
use crate::store::query::filter::{Contracts, Wanted};
use crate::store::query::range::Range;
use crate::store::reader::Request;

pub(crate) fn request(query: &EventQuery, options: ScanOptions) -> Result<Request> {
    let EventQuery {
        tenant_id,
        time_range,
        kinds,
        correlation_id,
        chain_id,
        limit,
    } = query;
    let range = time_range
        .as_ref()
        .map_or(Ok(Range::ALL), |times| range(times, time::parse))?;
    let order = options.order;
    Ok(Request {
        wanted: Wanted {
            tenant: tenant_id.clone(),
            kinds: kinds.iter().map(|kind| kind_code::wanted(*kind)).collect(),
            correlation: correlation_id.clone(),
            chain: chain_id.clone(),
            artifact: None,
            contract: Contracts::Any,
        },
        range: options
            .after
            .map_or(range, |cursor| range.after(cursor.0, order)),
        order,
        limit: *limit,
    })
}

pub(crate) fn entries(query: &EntryQuery, options: ScanOptions) -> Result<Request> {
    let EntryQuery {
        contracts,
        tenant_id,
        time_range,
        kinds,
        correlation_id,
        chain_id,
        artifact_id,
        limit,
    } = query;
    let range = time_range
        .as_ref()
        .map_or(Ok(Range::ALL), |times| range(times, time::parse_any))?;
    let order = options.order;
    Ok(Request {
        wanted: Wanted {
            tenant: tenant_id.clone(),
            kinds: kinds
                .iter()
                .flat_map(|name| kind_code::named(name))
                .collect(),
            correlation: correlation_id.clone(),
            chain: chain_id.clone(),
            artifact: artifact_id.clone(),
            contract: if contracts.is_empty() {
                Contracts::Any
            } else {
                Contracts::Named(contracts.clone())
            },
        },
        range: options
            .after
            .map_or(range, |cursor| range.after(cursor.0, order)),
        order,
        limit: *limit,
    })
}

/// The bounds of a time range, both included, as nanoseconds since 1970-01-01T00:00:00Z.
pub(crate) fn bounds(range: Option<&TimeRange>) -> Result<(i128, i128)> {
    let Some(range) = range else {
        return Ok((i128::MIN, i128::MAX));
    };
    let (start, end) = instants(range, time::parse_any)?;
    Ok((
        start.map_or(i128::MIN, time::nanoseconds),
        end.map_or(i128::MAX, time::nanoseconds),
    ))
}

fn range(range: &TimeRange, parse: Parse) -> Result<Range> {
    let (start, end) = instants(range, parse)?;
    Ok(Range::between(start, end))
}

/// Reads a time as an instant, or says why it is none.
type Parse = fn(&str) -> Result<Instant, String>;

fn instants(range: &TimeRange, parse: Parse) -> Result<(Option<Instant>, Option<Instant>)> {
    let bound = |field: &'static str, text: &Option<String>| {
        let Some(text) = text else { return Ok(None) };
        parse(text).map(Some).map_err(|reason| Error::InvalidQuery {
            field,
            value: text.clone(),
            reason,
        })
    };
    let start = bound("time_range.start", &range.start)?;
    let end = bound("time_range.end", &range.end)?;
    Ok((start, end))
}
