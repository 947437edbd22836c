//! The stored bytes of an envelope.
//!
//! JSON is for exchange; a log keeps this instead: compact, canonical (the same envelope always
//! gives the same bytes) and bounded when it is read (hostile bytes give an error, never a panic,
//! a deep recursion or an allocation out of proportion).
//!
//! # The encoding
//!
//! bincode 2 with `config::standard()`: little endian, integers of more than one byte as varints,
//! signed ones zigzag. The bytes carry no version: whoever stores them writes one beside them.
//!
//! | what | bytes |
//! | --- | --- |
//! | struct | its fields, in the order of the contract |
//! | enum | the variant's position from 0 as a varint, then the variant's fields in order |
//! | `Option` | `0`, or `1` and the value |
//! | `bool` | `0` or `1` |
//! | `u64`, `usize`, a count | varint: up to 250 in one byte; `251`, `252`, `253` lead 2, 4, 8 bytes |
//! | `f32`, `f64` | 4 or 8 bytes, little endian; every bit pattern is kept |
//! | `String` | its count of bytes, then UTF-8 |
//! | `Vec` | its count, then the items |
//! | `HashMap` | its count, then key and value of each entry, sorted by key |
//! | JSON value | a tag, then as below |
//!
//! Keys that are text sort by their bytes, keys that are enums by their position. A key that
//! occurs twice is refused; the order is not checked.
//!
//! A JSON value starts with a tag of one byte:
//!
//! | tag | value | what follows |
//! | --- | --- | --- |
//! | 0 | `null` | nothing |
//! | 1 | `false` | nothing |
//! | 2 | `true` | nothing |
//! | 3 | a whole number from 0 to `u64::MAX` | varint |
//! | 4 | a whole number from `i64::MIN` to -1 | zigzag varint |
//! | 5 | any other number that an `f64` holds | 8 bytes |
//! | 6 | any other number | its text, as a `String` |
//! | 7 | a string | as a `String` |
//! | 8 | an array | its count, then the values |
//! | 9 | an object | its count, then key and value of each member, sorted by key |
//!
//! Tag 6 occurs only where a crate turns on `arbitrary_precision` of `serde_json`: there a number is
//! a text, and one whose text would change takes this tag. A build without that feature reads it
//! as the nearest `f64`, and refuses one that is out of range.
//!
//! # Limits
//!
//! - Arrays and objects nest at most [`MAX_JSON_DEPTH`] deep.
//! - Decoding claims at most [`DECODE_LIMIT`] bytes; 256 KiB for up to 2 KiB of input and 8 MiB for
//!   up to 64 KiB: no honest input needs more, and a length that claims more is refused before
//!   anything is allocated for it.
//! - [`encode`] refuses whatever [`decode`] would.
//!
//! # Example
//!
//! The envelope `e` with a `BudgetExceeded` on chain `c` (resource `r`, limit `1`), untagged, at
//! time `t`:
//!
//! ```text
//! 01 65    event_id "e"            0a       event: variant 10, BudgetExceeded
//! 01 74    occurred_at "t"         01 63    chain_id "c"
//! 00       tenant_id None          01 72    resource "r"
//! 00       correlation_id None     01 31    limit "1"
//!                                  00       observed None
//! ```

mod borrowed;
pub(crate) mod derived;
mod envelope;
mod error;
pub(crate) mod maps;
pub(crate) mod value;

#[cfg(test)]
mod tests;

pub use envelope::{DECODE_LIMIT, decode, encode};
pub(crate) use envelope::{decode_then, encode_into};
pub use error::{CodecAction, CodecError};
pub use value::MAX_JSON_DEPTH;
