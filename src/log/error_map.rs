//! This crate's error as the errors of the contract's traits.

use crate::contract::experience_store::{ExperienceStoreError, StoreError};
use crate::error::Error;

impl From<Error> for ExperienceStoreError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NoSuchLog { .. } => Self::NotFound { message },
            error if error.is_refusal() && !error.is_conflict() => Self::InvalidQuery { message },
            _ => Self::StorageError { message },
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Conflict { event_id, .. } | Error::ConflictInBatch { event_id, .. } => {
                Self::Conflict { event_id }
            }
            Error::NoSuchLog { .. } => Self::NotFound { message },
            Error::Unencodable { .. } | Error::Undecodable { .. } => {
                Self::SerializationFailed { message }
            }
            Error::Damaged(_) => Self::InvariantViolation { message },
            Error::Io { .. } | Error::Locked { .. } | Error::Poisoned { .. } | Error::Closed => {
                Self::Unavailable { message }
            }
            error if error.is_refusal() => Self::InvalidQuery { message },
            _ => Self::Internal { message },
        }
    }
}
