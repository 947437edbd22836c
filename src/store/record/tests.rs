//! What is written is what is read.

use std::sync::Arc;

use super::super::buffer::Buffer;
use super::super::bytes::Reader;
use super::super::instant::Instant;
use super::head::{FOREIGN_VERSION, RECORD_VERSION};
use super::*;

fn example() -> NewRecord<'static> {
    NewRecord {
        payload_format: 1,
        kind: 8,
        instant: Instant::new(1, 0).unwrap(),
        fields: Fields {
            event_id: "e1",
            ..Fields::default()
        },
        hints: Hints::default(),
        payload: b"\x02e1",
    }
}

fn encoded(record: &NewRecord<'_>) -> Arc<Buffer> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    Arc::new(bytes.into())
}

#[test]
fn the_documented_example_holds() {
    let bytes = encoded(&example());
    assert_eq!(**bytes, [1, 1, 8, 2, 0, 1, 1, 2, 3, 2, 0x65, 0x31]);
    let record = Record::parse(&bytes, 0..bytes.len()).unwrap();
    assert_eq!(record.event_id(), "e1");
    assert_eq!(record.kind(), 8);
    assert_eq!(record.payload(), b"\x02e1");
    assert_eq!(record.field(Field::Tenant), None);
}

#[test]
fn a_field_that_the_payload_lacks_stands_in_the_appendix() {
    let mut new = example();
    new.fields.tenant = Some("t\"enant");
    new.fields.chain = Some("e1");
    let bytes = encoded(&new);
    let record = Record::parse(&bytes, 0..bytes.len()).unwrap();
    assert_eq!(record.field(Field::Tenant), Some("t\"enant"));
    assert_eq!(record.field(Field::Chain), Some("e1"));
    assert_eq!(record.payload(), b"\x02e1");

    let mut stub = Vec::new();
    record.encode_stub(&mut stub);
    let stub = Arc::new(Buffer::from(stub));
    let stub = Record::parse(&stub, 0..stub.len()).unwrap();
    assert_eq!(stub.payload(), b"");
    assert_eq!(stub.field(Field::Tenant), Some("t\"enant"));
    assert_eq!(stub.event_id(), "e1");
}

fn foreign_example() -> NewRecord<'static> {
    NewRecord {
        payload_format: 2,
        kind: NAMED_KIND,
        instant: Instant::logical(7),
        fields: Fields {
            event_id: "e1",
            contract: Some("c"),
            kind_name: Some("K"),
            ..Fields::default()
        },
        hints: Hints::default(),
        payload: br#"{"id":"e1","type":"K"}"#,
    }
}

#[test]
fn the_documented_example_of_another_contract_holds() {
    let new = foreign_example();
    let bytes = encoded(&new);
    let head = [
        2, 2, 0xff, 0xff, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7, 0xc1, 7,
        2, 22, 1, 19, 1, 22,
    ];
    assert_eq!(**bytes, [&head[..], new.payload, b"c"].concat());
    let record = Record::parse(&bytes, 0..bytes.len()).unwrap();
    assert_eq!(record.field(Field::Contract), Some("c"));
    assert_eq!(record.field(Field::KindName), Some("K"));
    assert_eq!(record.payload(), new.payload);
    assert_eq!(record.instant().as_logical(), Some(7));
    assert_eq!(Kind::of(&record), Kind::Named("K".into()));
    assert!(Kind::of(&record).is_of(&record));
    assert!(!Kind::Number(NAMED_KIND).is_of(&record));

    let mut stub = Vec::new();
    record.encode_stub(&mut stub);
    let stub = Arc::new(Buffer::from(stub));
    let stub = Record::parse(&stub, 0..stub.len()).unwrap();
    assert_eq!(Kind::of(&stub), Kind::Named("K".into()));
    assert_eq!(stub.field(Field::Contract), Some("c"));
}

#[test]
fn version_and_contract_belong_together() {
    let mut native = encoded(&foreign_example()).to_vec();
    native[0] = RECORD_VERSION;
    let native = Arc::new(Buffer::from(native));
    assert_eq!(
        Record::parse(&native, 0..native.len()).unwrap_err(),
        RecordFlaw::Contract(RECORD_VERSION)
    );
    let mut foreign = encoded(&example()).to_vec();
    foreign[0] = FOREIGN_VERSION;
    let foreign = Arc::new(Buffer::from(foreign));
    assert_eq!(
        Record::parse(&foreign, 0..foreign.len()).unwrap_err(),
        RecordFlaw::Contract(FOREIGN_VERSION)
    );
}

#[test]
fn what_encoding_says_is_what_parsing_finds() {
    let mut new = example();
    let payload = [b"\x02e1".as_slice(), &[7; 300], b"chain"].concat();
    new.payload = &payload;
    new.fields.chain = Some("chain");
    new.fields.tenant = Some("elsewhere");
    new.fields.artifact = Some("");
    let mut right = Hints::default();
    (right[0], right[3]) = (Some(1), Some(303));
    let wrong = [Some(2), Some(9), Some(u32::MAX), Some(400)];
    let wrong = std::array::from_fn(|place| wrong[place % 4]);
    for hints in [Hints::default(), right, wrong] {
        new.hints = hints;
        let mut bytes = vec![1, 2, 3];
        let encoded = new.encode_prefixed(&mut bytes, &mut vec![9]).unwrap();
        let bytes = Arc::new(Buffer::from(bytes));
        let record = encoded.within(&bytes);
        let parsed = Record::parse(&bytes, record.range.clone()).unwrap();
        assert_eq!(record.head, parsed.head, "{hints:?}");
        assert_eq!(record.field(Field::Tenant), Some("elsewhere"));
        assert_eq!(record.field(Field::Chain), Some("chain"));
        let mut reader = Reader::new(&bytes[3..]);
        assert_eq!(reader.prefixed().unwrap(), record.as_bytes());
        let mut plain = Vec::new();
        new.encode(&mut plain);
        assert_eq!(plain, record.as_bytes());
    }
    let long = "x".repeat(MAX_FIELD + 1);
    new.fields.tenant = Some(&long);
    let refused = new.encode_prefixed(&mut Vec::new(), &mut Vec::new());
    assert!(matches!(refused, Err(RecordFlaw::FieldLength(257))));
}

#[test]
fn damaged_bytes_are_refused_or_read_but_never_panic() {
    for example in [example(), foreign_example()] {
        damage(&encoded(&example));
    }
}

fn damage(bytes: &Arc<Buffer>) {
    for cut in 0..bytes.len() {
        assert!(Record::parse(bytes, 0..cut).is_err());
    }
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[place] ^= 1 << bit;
            let flipped = Arc::new(Buffer::from(flipped));
            if let Ok(record) = Record::parse(&flipped, 0..flipped.len()) {
                let _ = (
                    record.event_id(),
                    record.payload(),
                    record.field(Field::Tenant),
                );
            }
        }
    }
}
