//! A record: what the store keeps of one event. It knows the terms an event is found by and the bytes of
//! the event itself, never what those bytes mean.
//!
//! # Format, versions 1 and 2
//!
//! ```text
//! +---------+---------+------+---------+-------------+----------+-----------------+---------+------+
//! | version | payload | kind | seconds | nanoseconds | presence | offset + length | payload | data |
//! | u8 = 1  | format  | var- | signed  | varint      | u8, bit  | two varints for | length  |      |
//! | or 2    | u8      | int  | varint  |             | a field  | each field set  | varint  |      |
//! +---------+---------+------+---------+-------------+----------+-----------------+---------+------+
//! ```
//!
//! `data` is the payload, followed by an appendix. A field (bit 0 event id, 1 tenant, 2 correlation,
//! 3 chain, 4 artifact, 5 trace link, 6 contract, 7 kind's name) is a range of `data` that holds its UTF-8
//! text: an identifier that stands in the payload anyway is not stored twice, and one that does not (because
//! the payload escapes it) stands in the appendix. The event id is always there.
//!
//! A record of version 1 has neither of the last two fields: its payload is of the log's own contract, and
//! its kind is a number. One of version 2 has both: another contract's payload, whose kinds have names, and
//! the number 65535.
//!
//! Example: the payload `02 65 31` (bincode's form of the string `e1`) of kind 8 at one second past
//! 1970 is `01 01 08 02 00 01 01 02 03 02 65 31`. The payload `{"id":"e1","type":"K"}` of contract `c` and
//! kind `K`, at logical time 7 (see [`Instant`](super::instant::Instant)), begins with
//! `02 02 ff ff 03 ff ff ff ff ff ff ff ff ff 01 07 c1 07 02 16 01 13 01 16`; the payload's 22 bytes follow,
//! then the appendix `63`.

mod checked;
mod field;
mod head;
mod kind;
mod new;

#[cfg(test)]
mod tests;

pub(crate) use checked::Record;
pub(crate) use field::{FIELDS, Field, Fields, MAX_FIELD};
pub(crate) use head::RecordFlaw;
pub(crate) use kind::{Kind, NAMED_KIND};
pub(crate) use new::{EncodedRecord, Hints, NewRecord};
