//! Why stored bytes could not be written or read.

use std::fmt;

use bincode::error::{DecodeError, EncodeError};

use super::maps::DUPLICATE_KEY;
use super::value::{MAX_JSON_DEPTH, TOO_DEEP};

/// What was being done to an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodecAction {
    /// Writing stored bytes.
    Encode,
    /// Reading stored bytes.
    Decode,
}

impl fmt::Display for CodecAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
        })
    }
}

/// Why an envelope could not be encoded or decoded. Lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes end inside the envelope.
    #[error("cannot decode an envelope: {found} bytes, at least {missing} too few")]
    Truncated {
        /// How many bytes there are.
        found: usize,
        /// How many more the field that was being read needs.
        missing: usize,
    },
    /// Bytes follow the envelope.
    #[error("cannot decode an envelope: it takes {expected} bytes, found {found}")]
    TrailingBytes {
        /// How many bytes the envelope takes.
        expected: usize,
        /// How many bytes there are.
        found: usize,
    },
    /// The bytes hold something that no envelope has.
    #[error("cannot decode an envelope of {found} bytes: {message}")]
    Malformed {
        /// How many bytes there are.
        found: usize,
        /// What was found where it cannot be.
        message: String,
    },
    /// A key occurs twice in a map or a JSON object.
    #[error("cannot decode an envelope of {found} bytes: a map has the same key twice")]
    DuplicateKey {
        /// How many bytes there are.
        found: usize,
    },
    /// Arrays and objects of a JSON value nest too deep.
    #[error("cannot {action} an envelope: its JSON value nests deeper than {limit} levels")]
    TooDeep {
        /// What was being done.
        action: CodecAction,
        /// How deep they may nest.
        limit: usize,
    },
    /// Decoding these bytes claims more than it may.
    #[error("cannot {action} an envelope: its {found} bytes claim more than {limit} when decoded")]
    TooLarge {
        /// What was being done.
        action: CodecAction,
        /// How many bytes there are.
        found: usize,
        /// How many bytes they may claim.
        limit: usize,
    },
    /// The encoder refused the envelope.
    #[error("cannot encode envelope {event_id:?}: {message}")]
    NotEncodable {
        /// The envelope's id.
        event_id: String,
        /// What was refused.
        message: String,
    },
}

impl CodecError {
    /// Whether the bytes just end too early, as after a write that was cut short.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        matches!(self, Self::Truncated { .. })
    }

    pub(super) fn from_encode(error: EncodeError, event_id: &str) -> Self {
        match error {
            EncodeError::Other(TOO_DEEP) => Self::TooDeep {
                action: CodecAction::Encode,
                limit: MAX_JSON_DEPTH,
            },
            other => Self::NotEncodable {
                event_id: event_id.to_string(),
                message: other.to_string(),
            },
        }
    }

    pub(super) fn from_decode(error: DecodeError, found: usize, limit: usize) -> Self {
        let malformed = |message: String| Self::Malformed { found, message };
        match error {
            DecodeError::UnexpectedEnd { additional } => Self::Truncated {
                found,
                missing: additional,
            },
            DecodeError::LimitExceeded => Self::TooLarge {
                action: CodecAction::Decode,
                found,
                limit,
            },
            DecodeError::Other(TOO_DEEP) => Self::TooDeep {
                action: CodecAction::Decode,
                limit: MAX_JSON_DEPTH,
            },
            DecodeError::Other(DUPLICATE_KEY) => Self::DuplicateKey { found },
            DecodeError::UnexpectedVariant {
                type_name, found, ..
            } => malformed(format!("{type_name} has no variant {found}")),
            DecodeError::InvalidBooleanValue(byte) => {
                malformed(format!("a bool is 0 or 1, found {byte}"))
            }
            DecodeError::OutsideUsizeRange(length) => {
                malformed(format!("a length of {length} does not fit this machine"))
            }
            DecodeError::Utf8 { inner } => malformed(format!("a string is not UTF-8: {inner}")),
            DecodeError::Other(message) => malformed(message.to_string()),
            DecodeError::OtherString(message) => malformed(message),
            other => malformed(other.to_string()),
        }
    }
}
