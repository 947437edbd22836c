//! The body of a frame.

use std::sync::Arc;

use crate::store::body::{self, Records};
use crate::store::buffer::Buffer;
use crate::store::record::{FIELDS, Hints, NewRecord, Record};

/// The body of a frame: records.
pub fn record(bytes: &[u8]) {
    let (count, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let records = |body: &[u8]| {
        let body = Arc::new(Buffer::copy_of(body));
        Records::new(&body, u32::from(*count)).collect::<Result<Vec<_>, _>>()
    };
    if let Ok(found) = records(rest) {
        let mut again = Vec::new();
        for record in &found {
            read_record(record);
            body::push(&mut again, record.as_bytes());
        }
        let read = records(&again).unwrap();
        assert!(
            read.iter()
                .map(Record::as_bytes)
                .eq(found.iter().map(Record::as_bytes))
        );
    }
    // A record without the length that stands before it.
    let one = Arc::new(Buffer::copy_of(bytes));
    if let Ok(record) = Record::parse(&one, 0..one.len()) {
        read_record(&record);
    }
}

fn read_record(record: &Record) {
    let texts = |record: &Record| FIELDS.map(|field| record.field(field).map(str::to_owned));
    let new = NewRecord {
        payload_format: record.payload_format(),
        kind: record.kind(),
        instant: record.instant(),
        fields: record.fields(),
        hints: Hints::default(),
        payload: record.payload(),
    };
    let (mut encoded, mut stub) = (Vec::new(), Vec::new());
    new.encode(&mut encoded);
    record.encode_stub(&mut stub);
    for (bytes, payload) in [(encoded, record.payload()), (stub, &[][..])] {
        let bytes = Arc::new(Buffer::from(bytes));
        let read = Record::parse(&bytes, 0..bytes.len()).unwrap();
        assert_eq!(texts(&read), texts(record));
        assert_eq!(read.payload(), payload);
        assert_eq!(
            (read.kind(), read.instant(), read.payload_format()),
            (record.kind(), record.instant(), record.payload_format())
        );
    }
}
