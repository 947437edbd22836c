//! Errors of the log as those of `converge_core`'s trait.

use converge_core::ExperienceStoreError;
use experience_log::{Error, IdentifierFlaw};

/// A refusal is an `InvalidQuery`, as the other stores of the contract have it; a taken id and everything that
/// went wrong is a `StorageError`.
pub(crate) fn store_error(error: Error) -> ExperienceStoreError {
    let message = message(&error);
    match error {
        Error::NoSuchLog { .. } => ExperienceStoreError::NotFound { message },
        error if error.is_refusal() && !error.is_conflict() => {
            ExperienceStoreError::InvalidQuery { message }
        }
        _ => ExperienceStoreError::StorageError { message },
    }
}

/// An error's words, with the contract's own for what its rule of identifiers refuses.
fn message(error: &Error) -> String {
    match error {
        Error::InvalidIdentifier {
            event_id,
            field,
            flaw:
                IdentifierFlaw::Character {
                    character,
                    position,
                },
        } => format!(
            "event {event_id:?}: {field} contains invalid characters: {character:?} at byte {position}; only alphanumeric, '-', '_', '.' are allowed"
        ),
        Error::InvalidTimestamp {
            event_id,
            value,
            reason,
        } => format!(
            "event {event_id:?}: occurred_at {value:?} is refused: {reason}; write RFC 3339 with an offset, such as 2026-01-21T12:00:00Z, or lamport:N"
        ),
        error => error.to_string(),
    }
}

/// An event that this version of `converge_core` has no type for.
pub(crate) fn unknown_kind(sequence: u64, contract: &str, kind: &str) -> ExperienceStoreError {
    ExperienceStoreError::StorageError {
        message: format!(
            "the event at sequence number {sequence} is a {kind:?} of {contract}, which this version of converge-core does not know; read it as JSON with `scan`, or pass over such events"
        ),
    }
}

/// An event whose JSON is not what its kind has.
pub(crate) fn unreadable(sequence: u64, reason: &serde_json::Error) -> ExperienceStoreError {
    ExperienceStoreError::StorageError {
        message: format!("the event at sequence number {sequence} cannot be read: {reason}"),
    }
}
