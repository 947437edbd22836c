//! A query of the contract, checked and turned into what the store asks for.

use super::scan::ScanOptions;
use super::{kind_code, time};
use crate::contract::experience_store::{EventQuery, TimeRange};
use crate::error::{Error, Result};
use crate::store::query::filter::Wanted;
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
    let range = time_range.as_ref().map_or(Ok(Range::ALL), range)?;
    let order = options.order;
    Ok(Request {
        wanted: Wanted {
            tenant: tenant_id.clone(),
            kinds: kinds.iter().map(|kind| kind_code::code(*kind)).collect(),
            correlation: correlation_id.clone(),
            chain: chain_id.clone(),
            artifact: None,
        },
        range: options
            .after
            .map_or(range, |cursor| range.after(cursor.0, order)),
        order,
        limit: *limit,
    })
}

fn range(range: &TimeRange) -> Result<Range> {
    let bound = |field: &'static str, text: &Option<String>| {
        let Some(text) = text else { return Ok(None) };
        time::parse(text)
            .map(Some)
            .map_err(|reason| Error::InvalidQuery {
                field,
                value: text.clone(),
                reason,
            })
    };
    let start = bound("time_range.start", &range.start)?;
    let end = bound("time_range.end", &range.end)?;
    Ok(Range::between(start, end))
}
